/** docs/errors.md, made of the codes and exit codes of src/core/errors.ts. */
import {ERROR_CODES, type ErrorCode, EXIT} from '../../src/core/errors.ts'

/** What a code means and what to do; the compiler insists on every code. */
const MEANING: Record<ErrorCode, readonly [meaning: string, todo: string]> = {
  RUNTIME_NOT_FOUND: [
    'no OpenVINO that can be used',
    '`npubridge setup`; `npubridge probe` lists every place that was looked at',
  ],
  DEVICE_UNAVAILABLE: [
    'the device that was asked for does not work here',
    '`npubridge probe`; `--device auto` takes the next one',
  ],
  DEVICE_LOST: [
    'the device stopped answering while it worked',
    'try again; `npubridge probe --check device-lost` says what the driver told',
  ],
  MODEL_NOT_FOUND: ['no model by this name or path', '`npubridge models list`, `npubridge models pull NAME`'],
  MODEL_INVALID: ['the file is no model that OpenVINO reads or compiles', 'the message has the words of OpenVINO'],
  SHAPE_MISMATCH: ['a tensor has another shape than the model takes', '`npubridge models show NAME` tells the shapes'],
  DTYPE_MISMATCH: [
    'a tensor has another datatype than the model takes',
    '`npubridge models show NAME` tells the datatypes',
  ],
  DEADLINE_EXCEEDED: [
    'the operation had not begun when its timeout ended',
    'a longer `timeout_ms`, a higher priority, or less load',
  ],
  CANCELLED: ['a signal, a client that hung up or Ctrl-C ended it', 'nothing, if that was meant'],
  QUEUE_FULL: ['more operations wait than `queue.capacity` allows', 'submit less at once, or `queue.policy: wait`'],
  RESOURCE_EXHAUSTED: [
    'memory, NPU memory or disk do not suffice',
    'the message has need and limit; see `resources` in configuration.md',
  ],
  UNSUPPORTED_OPERATION: ['this engine, device or platform cannot do that', 'the message names what can'],
  INVALID_ARGUMENT: ['a value that makes no sense', 'the message names the value, its place and what is allowed'],
  CONFIG_INVALID: ['the configuration has a mistake', '`npubridge config validate`'],
  LEGACY_FAILED: ['the old Python module raised, or could not be started', 'the message has the last words of Python'],
  PROTOCOL_ERROR: ['the other side sent what is no message', 'check versions and addresses of both sides'],
  INTERNAL: ['a defect of npubridge', 'report it with the output under `DEBUG=npubridge*`'],
}

const EXIT_MEANING: Record<keyof typeof EXIT, string> = {
  error: 'an error; its code stands behind its message',
  usage: 'wrong usage: a flag, an argument, a command or a configuration',
  checkFailed: 'a check is not met: `probe --require`, `bench --fail-below`, `migrate --check`, `config validate`',
  guardRefused: 'a guard refused, and nothing was changed',
  rolledBack: 'verification failed, and everything was taken back',
  interrupted: 'Ctrl-C or SIGTERM',
}

export function errorReference(): string {
  const codes = ERROR_CODES.map((code) => `| \`${code}\` | ${MEANING[code].join(' | ')} |`)
  const exits = Object.entries(EXIT).map(([name, code]) => `| ${code} | ${EXIT_MEANING[name as keyof typeof EXIT]} |`)
  return [
    '# Errors',
    'Written by `npm run docs:errors` from `src/core/errors.ts`. The codes are the same in the command line, TypeScript, Python, Rust and over HTTP, gRPC and WebSocket, and never change their meaning. An error has a message that names the value and the place, suggestions, and a cause where somebody else reported one:',
    '```json\n{"error": {"code": "SHAPE_MISMATCH", "message": "…", "suggestions": ["…"]}}\n```',
    '## Codes',
    `| code | what it means | what to do |\n| --- | --- | --- |\n${codes.join('\n')}`,
    '## Exit codes',
    `| exit code | when |\n| --- | --- |\n| 0 | success |\n${exits.join('\n')}`,
  ].join('\n\n')
}
