/** What `npubridge migrate` is used for; `--help` starts with it. */
export const MIGRATE_EXAMPLES = [
  {command: '<%= config.bin %> <%= command.id %> . --dry-run --diff', description: 'See what would happen'},
  {command: '<%= config.bin %> <%= command.id %> . --check', description: 'In CI: fail while legacy code is left'},
  {command: '<%= config.bin %> <%= command.id %> . --python .venv/bin/python', description: 'Install npubridge too'},
  {
    command: '<%= config.bin %> <%= command.id %> . --verify-command "python3 -m unittest" --yes',
    description: 'Take everything back if tests fail that passed before',
  },
  {
    description: 'Keep the old module active, and let NPUBRIDGE_ROLLOUT decide how much goes to the new one',
    command:
      '<%= config.bin %> <%= command.id %> . --strategy shadow --python .venv/bin/python --package ./npubridge-0.1.0-cp310-abi3-manylinux_2_28_x86_64.whl',
  },
  {
    description: 'In a folder that git does not know, or with changes of your own in it',
    command: '<%= config.bin %> <%= command.id %> . --allow-no-vcs --allow-dirty',
  },
]
