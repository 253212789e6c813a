# jars.sh: sourced by the launchers. fetch_jars NAME sets "jars" to a folder with the jars of NAME-pom.xml, which Maven
# fetches on first use into the project's .cache/; a changed pom fetches them again. Needs a JDK 17 or newer and Maven.
# shellcheck shell=bash

fetch_jars() {
  local here pom cache digest fetched
  for tool in java mvn; do
    command -v "$tool" >/dev/null || { echo "${0##*/}: $tool not found: install a JDK (17 or newer) and Maven" >&2; exit 1; }
  done
  here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
  pom=$here/$1-pom.xml
  cache=$here/../../.cache
  digest=$(cksum <"$pom" | tr -s ' \t' '-')
  mkdir -p "$cache"
  jars=$(cd "$cache" && pwd)/$1-$digest
  [ ! -d "$jars" ] || return 0
  # Fetched beside and renamed, so that a broken download never looks like a whole one.
  fetched=$(mktemp -d "$jars.XXXXXX")
  mvn -q -B -f "$pom" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$fetched" ||
    { rm -rf "$fetched"; exit 1; }
  [ -d "$jars" ] || mv "$fetched" "$jars"
  rm -rf "$fetched"
}
