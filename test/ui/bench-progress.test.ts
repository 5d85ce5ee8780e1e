import {expect} from 'chai'

import {BenchProgress} from '../../src/ui/bench-progress.ts'

function talkOf(isTTY: boolean) {
  const written: string[] = []
  const talk = {
    columns: 40,
    isTTY,
    write(text: string) {
      written.push(text)
      return true
    },
  }
  return {talk: talk as never, written}
}

describe('progress of a benchmark', () => {
  it('is one line that renews itself, with the time left, on a terminal', () => {
    const {talk, written} = talkOf(true)
    let now = 0
    const progress = new BenchProgress(talk, ['a', 'b'], () => now)
    now = 10_000
    progress.onEvent({type: 'advanced', suite: 'a', doing: 'work: accelerated', fraction: 0.5})
    expect(written.join('')).to.match(/25 % · work: accelerated · about 30 s /)
    expect(written.at(-1)!.replace(/^.*\[K/su, '').length).to.be.at.most(39)
    progress.clear()
    expect(written.at(-1)).to.equal('\r\u{1B}[K')
  })

  it('is a line a suite elsewhere', () => {
    const {talk, written} = talkOf(false)
    const progress = new BenchProgress(talk, ['a'])
    progress.onEvent({type: 'started', suite: 'a'})
    progress.onEvent({type: 'advanced', suite: 'a', doing: 'work', fraction: 0.5})
    progress.onEvent({type: 'finished', suite: 'a', seconds: 3})
    progress.clear()
    expect(written.join('')).to.equal('a measured in 3 s\n')
  })
})
