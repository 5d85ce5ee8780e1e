import {expect} from 'chai'
import {appendFileSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'

import {isUnfinished, Journal, journalFile, readJournal} from '../../../src/core/workflow/journal.ts'
import {errorOf} from '../run/expect-error.ts'
import {temporaryFolder} from '../run/temporary-folder.ts'

describe('Journal', () => {
  const folder = temporaryFolder()
  const file = () => path.join(folder(), 'deep', 'w.journal.jsonl')
  const read = (text = 'tasks: []') => readJournal(file(), 'w.yaml', text)

  it('remembers what is done with its output, over several runs', () => {
    const first = Journal.begin(file(), 'w', 'tasks: []')
    first.completed('a', {n: 1})
    first.completed('b', undefined)
    expect(isUnfinished(file())).to.equal(true)
    Journal.continue(file()).completed('c', 'text')
    expect([...read().done]).to.deep.equal([
      ['a', {n: 1}],
      ['b', null],
      ['c', 'text'],
    ])
    Journal.continue(file()).finished()
    expect(read().finished).to.equal(true)
    expect(isUnfinished(file())).to.equal(false)
  })

  it('leaves out a line that was cut off, and goes on behind it', () => {
    Journal.begin(file(), 'w', 'tasks: []').completed('a', 1)
    appendFileSync(file(), '{"task":"b","outp')
    Journal.continue(file()).completed('c', 3)
    expect([...read().done.keys()]).to.deep.equal(['a', 'c'])
  })

  it('refuses to go on where the workflow has changed, with the difference', () => {
    Journal.begin(file(), 'w', 'name: w\ntasks:\n  - id: a\n')
    const error = errorOf(
      () => read('name: w\ntasks:\n  - id: b\n'),
      'INVALID_ARGUMENT',
      /has changed since the run that is to be resumed/,
    )
    expect(error.message).to.contain('-  - id: a').and.to.contain('+  - id: b')
    expect(error.suggestions[0]).to.match(/^npubridge run w\.yaml/)
  })

  it('refuses what is no journal, and says where there is none', () => {
    errorOf(() => read(), 'INVALID_ARGUMENT', /there is nothing to resume: .*w\.journal\.jsonl does not exist/)
    Journal.begin(file(), 'w', '')
    writeFileSync(file(), '{"version":99,"text":""}\n')
    errorOf(() => read(), 'INVALID_ARGUMENT', /is not the journal of a workflow/)
    errorOf(() => Journal.begin(path.join(file(), 'x'), 'w', ''), 'INVALID_ARGUMENT', /cannot be written/)
  })

  it('begins anew where it is told to', () => {
    Journal.begin(file(), 'w', 'one').completed('a', 1)
    Journal.begin(file(), 'w', 'two')
    expect(readFileSync(file(), 'utf8').trim().split('\n')).to.have.length(1)
    expect(journalFile('/x/y/review.yaml')).to.equal(path.join('/x/y', '.npubridge', 'review.journal.jsonl'))
  })
})
