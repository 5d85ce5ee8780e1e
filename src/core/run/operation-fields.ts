import type {Operation} from '../engine/engine.ts'

/** The fields of a line that an operation has besides its tensors; what is undefined is left out of JSON. */
export function fieldsOf(operation: Operation): object {
  switch (operation.type) {
    case 'inference': {
      return {model: operation.model, stream: operation.stream, end_of_stream: operation.endOfStream}
    }

    case 'load_model': {
      return {model: operation.model, shapes: operation.shapes}
    }

    case 'unload_model': {
      return {model: operation.model}
    }

    case 'echo': {
      return {data: operation.data}
    }

    case 'benchmark': {
      return {kind: operation.kind, duration_ms: operation.durationMs, model: operation.model}
    }

    case 'route': {
      const {topK, type: _type, ...fields} = operation
      return {...fields, top_k: topK}
    }

    case 'signal': {
      const {
        backend,
        complex,
        device,
        endOfStream,
        operation: family,
        parameters,
        steps,
        stream,
        timeLimitMs,
      } = operation
      const where = {backend, device, time_limit_ms: timeLimitMs}
      return {operation: family, parameters, steps, complex, ...where, stream, end_of_stream: endOfStream}
    }

    case 'embed': {
      return {texts: operation.texts, model: operation.model}
    }

    case 'workflow': {
      return {tasks: operation.tasks, agents: operation.agents, max_parallel: operation.maxParallel}
    }

    case 'health_check':
    case 'initialize':
    case 'matrix_multiply':
    case 'statistics': {
      return {}
    }
  }
}
