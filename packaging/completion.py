"""Print the completion of weir-agent or weir-collector for a shell, from its own parser.

Usage: completion.py PROGRAM bash|zsh
"""

from __future__ import annotations

import sys

from commands import Command, commands, parser_of

BASH = """\
# bash completion for {program}
_{name}()
{{
	local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
	local index path="" word
	for ((index = 1; index < COMP_CWORD; index++)); do
		word=${{COMP_WORDS[index]}}
		case "$path $word" in
{paths}
			path="$path $word" ;;
		esac
	done
	case $previous in
	-c | --config | *-file | *-dir | *-cert | *-key)
		COMPREPLY=($(compgen -f -- "$current"))
		return ;;
	esac
	case $path in
{cases}
	esac
}}
complete -o filenames -F _{name} {program}
"""

ZSH = """\
#compdef {program}
# zsh completion for {program}
local path_="" word
local -i index
for ((index = 2; index < CURRENT; index++)); do
	word=$words[index]
	case "$path_ $word" in
{paths}
		path_="$path_ $word" ;;
	esac
done
case $words[CURRENT-1] in
-c | --config | *-file | *-dir | *-cert | *-key)
	_files
	return ;;
esac
case $path_ in
{cases}
esac
"""


def words(command: Command, known: list[Command]) -> str:
    """What may follow a command: commands below it, and flags."""
    depth = len(command.path)
    below = [c.path[-1] for c in known if c.path[:-1] == command.path and c.path]
    flags = [flag for option in command.options for flag in option.flags]
    return " ".join([*below, *flags]) if depth or below else ""


def completion(program: str, shell: str) -> str:
    """The whole file."""
    known = list(commands(parser_of(program)))
    paths = " | ".join(f'" {" ".join(c.path)}"' for c in known if c.path) + ")"
    cases = []
    for command in known:
        label = f'" {" ".join(command.path)}"' if command.path else '""'
        answer = words(command, known)
        if shell == "bash":
            done = f'COMPREPLY=($(compgen -W "{answer}" -- "$current")) ;;'
        else:
            done = f"compadd -- {answer} ;;"
        cases.append(f"\t{label})\n\t\t{done}")
    return (BASH if shell == "bash" else ZSH).format(
        program=program,
        name=program.replace("-", "_"),
        paths="\t\t" + paths,
        cases="\n".join(cases),
    )


if __name__ == "__main__":
    sys.stdout.write(completion(*sys.argv[1:]))
