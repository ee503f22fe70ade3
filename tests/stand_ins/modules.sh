# Stands in for the file that gives a shell the function `module` (environment modules, Lmod) in the
# examples of docs/software.md: a loaded module is a command that tells its version.
module() {
    echo "module $*" >> calls.txt
    eval "${2%%/*}() { echo '${2%%/*} ${2##*/}' \"\$@\"; }"
}
