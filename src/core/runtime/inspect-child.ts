/**
 * The program of the child process in which a runtime is tried: loading drivers and listing devices can crash or hang
 * a process, and it had better not be ours. The request is the first argument, the answer goes to file descriptor 3,
 * because libraries write to stdout as they please. See inspect.ts for both shapes.
 */
import {writeFileSync} from 'node:fs'

import type {ErrorReport} from '../errors.ts'
import type {ChildRequest} from './inspect.ts'

import {fromNative, loadBinding, type NativeBinding} from '../engine/binding.ts'

const ANSWER_FD = 3

function answer(binding: NativeBinding, request: ChildRequest): string {
  switch (request.kind) {
    case 'describe': {
      return binding.describeModel(request.folder, request.model)
    }

    case 'inspect': {
      return binding.inspectRuntime(request.folder)
    }

    case 'test': {
      return binding.testDevice(request.folder, request.device)
    }
  }
}

function report(error: unknown): ErrorReport {
  return fromNative(error).toJSON()
}

try {
  const request = JSON.parse(process.argv[2] ?? '') as ChildRequest
  const binding = loadBinding()
  // A driver that hangs is ended by its time limit, which is over when whoever keeps it is gone.
  binding.endWithParent()
  writeFileSync(ANSWER_FD, `{"value":${answer(binding, request)}}`)
} catch (error) {
  writeFileSync(ANSWER_FD, JSON.stringify({error: report(error)}))
}

// The answer is given; what unloading the libraries would do is of no interest and must not delay anyone.
process.kill(process.pid, 'SIGKILL')
