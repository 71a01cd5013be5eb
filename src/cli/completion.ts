import { command } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { operand } from "./options.ts";

/*
 * Each script asks the dsgen that stands on the line, as it was typed, for what it may offer (`complete.ts`), and falls back on
 * files. What was typed is handed on as words and never read as code again, nor is what comes back.
 */

const SCRIPTS = {
  bash: `# dsgen for bash: source <(dsgen completion bash)
_dsgen() {
  COMPREPLY=()
  local line
  while IFS= read -r line; do
    printf -v line %q "\${line%% -- *}"
    COMPREPLY+=("$line")
  done < <("$1" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _dsgen dsgen
`,
  zsh: `#compdef dsgen
# dsgen for zsh: source <(dsgen completion zsh), after compinit; or as a file _dsgen in a folder of fpath
_dsgen() {
  local line
  local -a values texts
  while IFS= read -r line; do
    values+=("\${line%% -- *}")
    texts+=("$line")
  done < <("$words[1]" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( $#values )); then compadd -l -d texts -a values; else _files; fi
}
if [[ "\${funcstack[1]}" == _dsgen ]]; then _dsgen "$@"; else compdef _dsgen dsgen; fi
`,
  fish: `# dsgen for fish: dsgen completion fish | source
function __dsgen_complete
  set -l words (commandline -opc)
  set -l typed (commandline -ct)
  set -l found ($words[1] complete -- $words[2..-1] "$typed" 2>/dev/null)
  if test (count $found) -gt 0
    string replace ' -- ' \\t -- $found
  else
    __fish_complete_path "$typed"
  end
end
complete -c dsgen -f -a '(__dsgen_complete)'
`,
} as const;

type Shell = keyof typeof SCRIPTS;

const isShell = (name: string): name is Shell => Object.hasOwn(SCRIPTS, name);

/** `dsgen completion SHELL`: a script that has the shell complete commands, options, targets, tasks and jobs. */
export const completion = command({
  name: "completion",
  about: "print a script that has a shell complete commands, targets and jobs",
  examples: [
    ["source <(dsgen completion bash)", "for this shell; in ~/.bashrc for every one"],
    ["dsgen completion fish | source", "the same for fish"],
  ],
  takes: { shell: { ...operand("<SHELL>", "bash, zsh or fish"), choices: Object.keys(SCRIPTS) } },
  run: (context, { shell }) => {
    if (!isShell(shell)) {
      const message = `there is no script for ${JSON.stringify(shell)}.`;
      const problem = { kind: "usage", where: "dsgen completion", message, fix: "Name bash, zsh or fish." } as const;
      return Promise.resolve(context.refuse([problem]));
    }
    context.io.stdout.write(SCRIPTS[shell]);
    return Promise.resolve(EXIT.upToDate);
  },
});
