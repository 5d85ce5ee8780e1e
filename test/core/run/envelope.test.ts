import {expect} from 'chai'

import {idOf, parseEnvelope} from '../../../src/core/run/envelope.ts'
import {errorOf} from './expect-error.ts'

const refused = (value: unknown, message: RegExp | string) =>
  errorOf(() => parseEnvelope(value), 'INVALID_ARGUMENT', message)

describe('parseEnvelope', () => {
  it('takes every operation with all its fields', () => {
    const envelopes = [
      {id: 'a', priority: 'high', timeout_ms: 5, type: 'initialize'},
      {model: 'm', shapes: {input: [1, 576]}, type: 'load_model'},
      {model: 'm', type: 'unload_model'},
      {end_of_stream: true, inputs: {}, model: 'm', outputs: ['output'], stream: 's', type: 'inference'},
      {inputs: {a: {}, b: {}}, type: 'matrix_multiply'},
      {data: {any: ['thing']}, type: 'echo'},
      {id: 1, type: 'health_check'},
      {id: 2n ** 60n, type: 'statistics'},
      {duration_ms: 100, kind: 'inference', model: 'm', type: 'benchmark'},
      {agents: 'agents', description: 'review the code', type: 'route'},
    ]
    for (const envelope of envelopes) expect(parseEnvelope(envelope)).to.deep.equal(envelope)
  })

  it('refuses what is no object', () => {
    refused([1], 'the line is an array of 1 element, it must be an object')
    refused(null, 'the line is null, it must be an object')
    refused('echo', 'the line is "echo", it must be an object')
  })

  it('names the nearest type where it does not know one', () => {
    const error = errorOf(
      () => parseEnvelope({type: 'inferense'}),
      'UNSUPPORTED_OPERATION',
      'type is "inferense", which is not an operation',
    )
    expect(error.suggestions[0]).to.equal('did you mean "inference"?')
    expect(error.suggestions[1]).to.contain('matrix_multiply')
    errorOf(() => parseEnvelope({type: 'toString'}), 'UNSUPPORTED_OPERATION', /not an operation/)
    expect(refused({}, 'type is missing').suggestions[0]).to.contain('types: initialize')
    refused({type: 5}, 'type is 5, which is not an operation')
  })

  it('names unknown fields and the nearest known one', () => {
    const error = refused(
      {inputs: {}, model: 'm', timeoutMs: 5, type: 'inference'},
      'timeoutMs is not a field of this operation',
    )
    expect(error.suggestions[0]).to.equal('did you mean "timeout_ms"?')
    expect(error.suggestions[1]).to.equal(
      'fields: type, id, priority, timeout_ms, model, inputs, stream, end_of_stream, frames, outputs',
    )
    refused({data: 1, stream: 's', type: 'echo'}, 'stream is not a field of this operation')
    refused(JSON.parse('{"type": "echo", "__proto__": 1}'), '__proto__ is not a field of this operation')
  })

  it('names fields of the wrong type with what they are and must be', () => {
    refused(
      {priority: 'hihg', type: 'echo'},
      'priority is "hihg", it must be one of low, normal, high, critical, realtime',
    )
    refused({timeout_ms: '5', type: 'echo'}, 'timeout_ms is "5", it must be a number')
    refused({timeout_ms: 0, type: 'echo'}, 'timeout_ms is 0, it must be more than 0')
    refused({timeout_ms: 1e12, type: 'echo'}, 'timeout_ms is 1000000000000, it must be at most 2147483647')
    refused({id: true, type: 'echo'}, 'id is true, it must be a string or a number')
    refused({id: null, type: 'echo'}, 'id is null, it must be a string or a number')
    refused({inputs: {}, model: 5, type: 'inference'}, 'model is 5, it must be a string')
    refused({model: '', type: 'unload_model'}, 'model is "", it must be not empty')
    refused({end_of_stream: 1, inputs: {}, type: 'inference'}, 'end_of_stream is 1, it must be true or false')
    refused({inputs: {}, outputs: 'x', type: 'inference'}, 'outputs is "x", it must be an array')
    refused({model: 'm', shapes: {x: [1, -1]}, type: 'load_model'}, 'shapes.x[1] is -1, it must be at least 0')
    refused({model: 'm', shapes: {x: [1.5]}, type: 'load_model'}, 'shapes.x[0] is 1.5, it must be a whole number')
    refused({model: 'm', shapes: 5, type: 'load_model'}, 'shapes is 5, it must be an object')
  })

  it('suggests the nearest of a few values', () => {
    expect(refused({priority: 'hihg', type: 'echo'}, /priority/).suggestions).to.deep.equal(['did you mean "high"?'])
    expect(refused({duration_ms: 1, kind: 'matmul', type: 'benchmark'}, /kind/).suggestions).to.deep.equal([])
  })

  it('names missing fields, several problems at once', () => {
    refused({type: 'benchmark'}, 'kind is missing; duration_ms is missing')
    refused({type: 'route'}, 'description is missing')
  })
})

describe('idOf', () => {
  it('finds the id of a line that is otherwise wrong', () => {
    expect(idOf({id: 'a', type: 5})).to.equal('a')
    expect(idOf({id: 7})).to.equal(7)
    expect(idOf({id: {}})).to.equal(undefined)
    expect(idOf([1])).to.equal(undefined)
    expect(idOf(null)).to.equal(undefined)
  })
})
