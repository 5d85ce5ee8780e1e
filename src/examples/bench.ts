/** What `npubridge bench` is used for; `--help` starts with it. */
export const BENCH_EXAMPLES = [
  {description: 'The whole table', command: '<%= config.bin %> <%= command.id %>'},
  {
    description: 'In a few seconds, failing where coordination is too slow',
    command: '<%= config.bin %> <%= command.id %> --quick --fail-below coordination.throughput=50000',
  },
  {
    description: 'A page with plots',
    command: '<%= config.bin %> <%= command.id %> --export-html bench.html',
  },
  {
    description: 'Figures to compare later runs with: --baseline before',
    command: '<%= config.bin %> <%= command.id %> --save-baseline before',
  },
  {
    description: 'What can be measured',
    command: '<%= config.bin %> <%= command.id %> --list',
  },
  {
    description: 'One suite, with more rounds and a JUnit file for CI',
    command: '<%= config.bin %> <%= command.id %> --suite inference --runs 15 --junit bench.xml',
  },
  {
    description: 'A model of your own on the NPU, beside benchmark_app',
    command:
      '<%= config.bin %> <%= command.id %> --suite inference --model ./model.onnx --device npu --engine native --concurrency 4 --peer benchmark_app',
  },
  {
    description: 'Two thousand operations a second that come as people do, answered within 10 ms',
    command:
      '<%= config.bin %> <%= command.id %> --suite load --rate 2000 --arrivals poisson --deadline 10ms --duration 500ms',
  },
  {
    description: 'Your own copy of the old module',
    command:
      '<%= config.bin %> <%= command.id %> --suite coordination --legacy ./npu_coordination_bridge.py --fail-above coordination.latency_p99=1000',
  },
  {
    description: 'Does this build slow anything down? With tables for a pull request',
    command:
      '<%= config.bin %> <%= command.id %> --against ../main --fail-on-regression 5% --export-markdown bench.md --export-csv bench.csv',
  },
  {
    description: 'Against figures of another machine, which by itself is no failure',
    command:
      '<%= config.bin %> <%= command.id %> --baseline before --fail-on-regression 10% --force-baseline --export-gha bench',
  },
]
