import {expect} from 'chai'

import {evaluate, parseExpression, splitReference, tasksOf, valueAt} from '../../../src/core/workflow/expression.ts'
import {errorOf} from '../run/expect-error.ts'

const VALUES: Record<string, unknown> = {
  lint: {status: 'completed', output: {files: 4, name: "it's", list: [1, 2]}},
  'm[a.b]': {status: 'failed'},
}
const holds = (source: string) => evaluate(parseExpression(source), (path) => valueAt(VALUES, path))

describe('conditions', () => {
  it('compare what tasks gave', () => {
    expect(holds('lint.status == "completed"')).to.equal(true)
    expect(holds("lint.status != 'completed'")).to.equal(false)
    expect(holds('lint.output.files >= 4 and lint.output.files < 5')).to.equal(true)
    expect(holds('lint.output.list.1 == 2')).to.equal(true)
    expect(holds('m[a.b].status == "failed"')).to.equal(true)
    expect(holds('lint.output.missing == null')).to.equal(true)
    expect(holds('lint.output.missing')).to.equal(undefined)
  })

  it('bind not before and before or, unless parentheses say otherwise', () => {
    expect(holds('true or false and false')).to.equal(true)
    expect(holds('(true or false) and false')).to.equal(false)
    expect(holds('not false and true')).to.equal(true)
    expect(holds('not (true and true)')).to.equal(false)
  })

  it('compare nothing that cannot be compared', () => {
    expect(holds('lint.output.name > 3')).to.equal(false)
    expect(holds('lint.output.missing < 3')).to.equal(false)
    expect(holds('-1.5 < 0')).to.equal(true)
  })

  it('reach only what a value itself has', () => {
    expect(holds('lint.output.constructor == null')).to.equal(true)
    expect(holds('lint.output.__proto__ == null')).to.equal(true)
  })

  it('name the tasks that they look at', () => {
    expect(tasksOf(parseExpression('a.status == "x" or not (b.output > m[1,2].output.n)'))).to.deep.equal([
      'a',
      'b',
      'm[1,2]',
    ])
    expect(splitReference('m[a.b].output.c')).to.deep.equal(['m[a.b]', 'output', 'c'])
  })

  it('say where they are wrong', () => {
    const refused = (source: string, message: RegExp) =>
      errorOf(() => parseExpression(source), 'CONFIG_INVALID', message)
    refused('a ==', /is wrong at "the end" \(character 5\): a value or a task is expected/)
    refused('a b', /is wrong at "b" .*nothing more is expected/)
    refused('(a', /"\)" is expected/)
    refused('a; process.exit()', /has "; process\.exit\(\)" in it/)
    refused(`${'not '.repeat(60)}a`, /nested too deeply/)
  })
})
