# The shell of a build: runs the commands that come in, each ended by a NUL, and tells each one's exit status.
#   bash codebuild.sh FOLDER FD OPTION      FD: where the statuses go; OPTION: -a exports every variable
# What a command leaves behind is noted in FOLDER: a command may end this shell, and another one has to go on.
set "$3"
while IFS= read -r -d '' __command; do
  eval "$__command" </dev/null
  __status=$?
  env -0 >"$1/environment"
  pwd >"$1/folder"
  echo "$__status" >&"$2"
done
