/** What a command line may ask for, known without loading what measures it; a test holds them against that. */
export const SUITE_NAMES = [
  'coordination',
  'load',
  'workflow',
  'routing',
  'signal',
  'inference',
  'serve',
  'saturation',
  'python',
  'startup',
  'memory',
] as const

export const PEER_NAMES = ['benchmark_app', 'openvino-python', 'onnxruntime', 'openvino-node'] as const
