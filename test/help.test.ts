import {expect} from 'chai'

import {npubridge} from './support/cli.ts'

describe('--help', () => {
  it('starts with the examples, of which there are at least two', async () => {
    for (const command of [['setup'], ['models', 'list'], ['models', 'pull'], ['models', 'show']]) {
      const {stdout, exitCode} = await npubridge('/nowhere', [...command, '--help'])
      expect(exitCode).to.equal(0)
      const headers = stdout.split('\n').filter((line) => /^[A-Z][A-Z ]+$/.test(line))
      expect(headers.slice(0, 2), command.join(' ')).to.deep.equal(['EXAMPLES', 'USAGE'])
      expect(stdout.match(/^ {4}\$ npubridge/gm)).to.have.length.at.least(2)
    }
  })
})
