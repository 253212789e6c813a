# jars.sh: sourced by the launchers. fetch_jars NAME sets "jars" to a folder with the jars of NAME-pom.xml, which Maven
# fetches into the project's .cache/ on first use, and again if the pom changes. Needs a JDK (17 or newer) and Maven.
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
  # Fetched into a temporary folder and renamed, so that an incomplete download is never used.
  fetched=$(mktemp -d "$jars.XXXXXX")
  mvn -q -B -f "$pom" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$fetched" ||
    { rm -rf "$fetched"; exit 1; }
  [ -d "$jars" ] || mv "$fetched" "$jars"
  rm -rf "$fetched"
}
