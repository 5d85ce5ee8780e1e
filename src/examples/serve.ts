/** What `npubridge serve` is used for; `--help` starts with it. */
export const SERVE_EXAMPLES = [
  {
    command: '<%= config.bin %> <%= command.id %> --load silero-vad',
    description: 'On port 8000 (HTTP) and 8001 (gRPC)',
  },
  {
    command: '<%= config.bin %> <%= command.id %> --models ./models --port 0 --detach',
    description: 'Models of your own, in the background, on a free port',
  },
  {
    command: '<%= config.bin %> <%= command.id %> --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem --no-control',
    description: 'For other machines, which may infer and nothing else',
  },
  {
    description: 'HTTP alone, and nothing to look at',
    command: '<%= config.bin %> <%= command.id %> --no-grpc --no-dashboard',
  },
  {
    description: 'With a gRPC port of your choice and a token, made anew',
    command: '<%= config.bin %> <%= command.id %> --grpc-port 9001 --token --new-token',
  },
  {
    description: 'For you alone, on a Unix socket',
    command: '<%= config.bin %> <%= command.id %> --socket ~/.npubridge.sock',
  },
  {
    description: 'One device and engine, a limit for each client, little in the log',
    command: '<%= config.bin %> <%= command.id %> --device npu --engine native --rate-limit 100 --log-level warn',
  },
  {
    description: 'With a profile of a configuration, as `tune --save` writes them',
    command: '<%= config.bin %> <%= command.id %> --config npubridge.config.json --profile throughput',
  },
  {
    description: 'For a web page, under another name of this machine',
    command: '<%= config.bin %> <%= command.id %> --allow-origin https://app.example --allow-host npu.local',
  },
  {
    description: 'In front of a pool of hosts; requests may take a minute to end',
    command: '<%= config.bin %> <%= command.id %> --cluster redis://127.0.0.1:6379 --drain-ms 60000',
  },
]
