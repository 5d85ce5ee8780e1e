/** What `npubridge probe` is used for; `--help` starts with it. */
export const PROBE_EXAMPLES = [
  '<%= config.bin %> <%= command.id %>',
  '<%= config.bin %> <%= command.id %> --require cpu --json',
  '<%= config.bin %> <%= command.id %> --explain node-permission',
  '<%= config.bin %> <%= command.id %> --report npu.md',
  {
    description: 'Every check with what it saw',
    command: '<%= config.bin %> <%= command.id %> --all',
  },
  {
    description: 'One question for a script: exit code 3 means no',
    command: '<%= config.bin %> <%= command.id %> --check node-permission --junit probe.xml',
  },
  {
    description: 'Run models on every device and compare their numbers',
    command: '<%= config.bin %> <%= command.id %> --test',
  },
  {
    description: 'Load, clock, memory and temperature for a minute, as CSV',
    command: '<%= config.bin %> <%= command.id %> --watch --samples 60 --csv',
  },
  {
    description: 'A snapshot for support, and how they look at it',
    command: '<%= config.bin %> <%= command.id %> --capture npu.tar.gz && <%= config.bin %> probe --root npu.tar.gz',
  },
]
