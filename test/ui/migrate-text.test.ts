import {expect} from 'chai'
import {stripVTControlCharacters} from 'node:util'

import {colouredDiff, count, indent, quoted, upTo} from '../../src/ui/migrate-text.ts'

describe('the words of the reports on migrations', () => {
  it('count in singular and plural, thousands apart', () => {
    expect([count(1, 'file'), count(0, 'file'), count(12_345, 'entry', 'entries')]).to.deep.equal([
      '1 file',
      '0 files',
      '12 345 entries',
    ])
  })

  it('stop long lists, and say how much is left and where it is', () => {
    expect(upTo(['a', 'b'], 2, 'see --json')).to.deep.equal(['a', 'b'])
    expect(upTo(['a', 'b', 'c', 'd'], 2, 'see --json')).to.deep.equal(['a', 'b', '… and 2 more: see --json'])
    expect(indent(['a', '', 'b'])).to.deep.equal(['  a', '', '  b'])
  })

  it('quote a path for the shell only where it needs it', () => {
    expect(quoted('/a/b-c_d.py')).to.equal('/a/b-c_d.py')
    expect(quoted("/a b/it's")).to.equal(String.raw`'/a b/it'\''s'`)
  })

  it('leave a difference as it is where there are no colours', () => {
    const diff = '--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n context'
    expect(stripVTControlCharacters(colouredDiff(diff))).to.equal(diff)
  })
})
