/** What `npubridge run` is used for; `--help` starts with it. */
export const RUN_EXAMPLES = [
  {
    command: `echo '{"type": "echo", "data": "hello"}' | <%= config.bin %> <%= command.id %> -`,
    description: 'One operation from standard input',
  },
  {
    command: `echo '{"type": "matrix_multiply", "inputs": {"a": {"data": [[1, 2]]}, "b": {"data": [[3], [4]]}}}' | <%= config.bin %> <%= command.id %> - --device cpu`,
    description: 'Real work on the CPU',
  },
  {
    command: '<%= config.bin %> <%= command.id %> ops.jsonl --output-dir tensors > results.jsonl',
    description: 'A file of operations, the tensors of their results saved as .npy files',
  },
  {
    command: '<%= config.bin %> <%= command.id %> ops.jsonl --cluster redis://127.0.0.1:6379',
    description: 'The same by a pool of hosts',
  },
  {
    command: '<%= config.bin %> <%= command.id %> workflow.yaml --dry-run',
    description: 'What a workflow would do, and who would do it',
  },
  {
    description: 'Results as they come, a hundred in flight, urgent ones within 50 ms',
    command:
      '<%= config.bin %> <%= command.id %> ops.jsonl --unordered --concurrency 100 --priority critical --timeout-ms 50 --output results.jsonl',
  },
  {
    description: 'Lines that name no model, on a server, until the first failure',
    command:
      '<%= config.bin %> <%= command.id %> ops.jsonl --model silero-vad --server http://127.0.0.1:8000 --fail-fast',
  },
  {
    description: 'NaN as a string instead of an error; one engine and no other',
    command: '<%= config.bin %> <%= command.id %> ops.jsonl --nonfinite string --engine native',
  },
  {
    description: 'The old module, to compare with',
    command: '<%= config.bin %> <%= command.id %> ops.jsonl --engine legacy --legacy ./npu_coordination_bridge.py',
  },
  {
    description: 'Look at a workflow, then run it four tasks at a time',
    command:
      '<%= config.bin %> <%= command.id %> workflow.yaml --mermaid && <%= config.bin %> run workflow.yaml --max-parallel 4 --mode reliability_first',
  },
  {
    description: 'Agents of your own, chosen by words; a cycle is broken instead of refused',
    command: '<%= config.bin %> <%= command.id %> workflow.yaml --agents ./agents --method lexical --break-cycles',
  },
  {
    description: 'Go on where it was interrupted',
    command: '<%= config.bin %> <%= command.id %> workflow.yaml --journal run.journal --resume',
  },
]
