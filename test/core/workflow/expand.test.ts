import {expect} from 'chai'

import type {WorkflowDefinition} from '../../../src/core/workflow/schema.ts'

import {expandWorkflow} from '../../../src/core/workflow/expand.ts'
import {errorOf} from '../run/expect-error.ts'

const expand = (...tasks: WorkflowDefinition['tasks']) => expandWorkflow({tasks})
const refused = (message: RegExp, ...tasks: WorkflowDefinition['tasks']) =>
  errorOf(() => expand(...tasks), 'CONFIG_INVALID', message)

describe('expandWorkflow', () => {
  it('makes a task of every combination of a matrix, and lets others name them together', () => {
    const tasks = expand(
      {id: 'build', matrix: {os: ['linux', 'mac'], debug: [true, 1]}, description: 'build for {matrix.os}'},
      {id: 'pack', dependencies: ['build'], inputs: {all: 'build.size', one: 'build[mac,1].size', text: {value: 3}}},
    )
    expect(tasks.map(({id}) => id)).to.deep.equal([
      'build[linux,true]',
      'build[linux,1]',
      'build[mac,true]',
      'build[mac,1]',
      'pack',
    ])
    expect(tasks[2]!.description).to.equal('build for mac')
    expect(tasks[4]!.dependencies).to.have.length(4)
    expect(tasks[4]!.inputs).to.deep.equal({
      all: {tasks: tasks.slice(0, 4).map(({id}) => id), path: ['size'], isList: true},
      one: {tasks: ['build[mac,1]'], path: ['size'], isList: false},
      text: {value: 3},
    })
  })

  it('makes dependencies of inputs and conditions, each once', () => {
    const tasks = expand(
      {id: 'a'},
      {id: 'b'},
      {id: 'c', dependencies: ['a'], inputs: {x: 'a'}, when: 'b.status == "completed"'},
    )
    expect(tasks[2]!.dependencies).to.deep.equal(['a', 'b'])
  })

  it('takes the id for a description where there is none', () => {
    expect(expand({id: 'count_all-files'})[0]!.description).to.equal('count all files')
  })

  it('refuses what cannot be meant', () => {
    refused(/^the workflow has no tasks$/)
    refused(/^two tasks have the id "a"$/, {id: 'a'}, {id: 'a'})
    const {suggestions} = refused(
      /task "b": dependencies names the task "lnit", which there is not/,
      {id: 'lint'},
      {id: 'b', dependencies: ['lnit']},
    )
    expect(suggestions[0]).to.equal('did you mean "lint"?')
    refused(/inputs\.x names the task "none"/, {id: 'a', inputs: {x: 'none.y'}})
    refused(/the task's matrix has no arch/, {id: 'a', description: '{matrix.arch}'})
    const values = Array.from({length: 1000}, (_, index) => index)
    refused(/makes more than 100000 tasks/, {id: 'a', matrix: {x: values, y: values}})
  })
})
