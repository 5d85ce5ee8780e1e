import {expect} from 'chai'
import {globSync, readFileSync} from 'node:fs'
import path from 'node:path'

import {type Check, fail, pass, warn} from '../../../src/core/probe/checks/check.ts'
import {CHECKS} from '../../../src/core/probe/checks/index.ts'
import {diagnose, examineAlone} from '../../../src/core/probe/diagnosis.ts'
import {probeCase} from './fixture.ts'

const FOLDER = path.resolve(import.meta.dirname, '../../../src/core/probe/checks')
const NOT_CHECKS = new Set(['check.ts', 'index.ts', 'remedies.ts'])

function check(id: string, needs: string[], detect: Check['detect']): Check {
  return {detect, explanation: '', id, needs, remedy: () => [`mend ${id}`], source: 'https://example.org', title: id}
}

describe('judging', () => {
  describe('the checks', () => {
    const files = globSync('*.ts', {cwd: FOLDER}).filter((file) => !NOT_CHECKS.has(file))

    it('are one a file, named by its id, in at most 60 lines', () => {
      expect(files.map((file) => path.basename(file, '.ts'))).to.have.members(CHECKS.map(({id}) => id))
      for (const file of files) {
        expect(readFileSync(path.join(FOLDER, file), 'utf8').split('\n').length - 1, file).to.be.at.most(60)
      }
    })

    it('are all in the documentation, in their order', () => {
      const text = readFileSync(path.resolve(FOLDER, '../../../../docs/probe.md'), 'utf8')
      const listed = [...text.matchAll(/^\| `([a-z-]+)` +\| .* \|$/gm)].map((match) => match[1])
      expect(listed.slice(0, CHECKS.length)).to.deep.equal(CHECKS.map(({id}) => id))
    })

    it('come after the checks that they need', () => {
      const ids = CHECKS.map(({id}) => id)
      for (const {id, needs} of CHECKS) {
        for (const needed of needs) expect(ids.slice(0, ids.indexOf(id)), `${id} needs`).to.include(needed)
      }
    })

    it('have a title, an explanation, a source and a remedy for each distribution', async () => {
      const facts = await probeCase('healthy-meteor-lake')
      for (const {explanation, id, remedy, source, title} of CHECKS) {
        expect(title, id).to.match(/^[A-Z].+[^.]$/)
        expect(explanation, id).to.match(/^.{40,}\.$/)
        expect(source, id).to.match(/^https:\/\//)
        for (const distribution of ['arch', 'debian', 'fedora', 'nixos', 'other'] as const) {
          expect(remedy(distribution, facts), `${id} on ${distribution}`).to.not.be.empty
        }
      }
    })

    it('never throw and never fail on a machine where each of them may look for what is not there', async () => {
      const nothing = await probeCase('no-sys-at-all')
      for (const each of CHECKS) expect(['pass', 'skip', 'unknown'], each.id).to.include(each.detect(nothing).status)
    })
  })

  describe('a diagnosis', () => {
    it('skips what needs a failed check, and what needs that, naming the failed one', async () => {
      const facts = await probeCase('no-sys-at-all')
      const {counts, findings, rootCause} = diagnose(facts, [
        check('a', [], () => fail('A is broken.', 'seen')),
        check('b', ['a'], () => pass()),
        check('c', ['b'], () => pass()),
        check('d', [], () => fail('D is broken too.')),
      ])
      expect(findings.map(({evidence, status}) => [status, ...evidence])).to.deep.equal([
        ['fail', 'seen'],
        ['skip', 'waits for a'],
        ['skip', 'waits for a'],
        ['fail'],
      ])
      expect(rootCause).to.deep.include({headline: 'A is broken.', id: 'a', remedy: ['mend a']})
      expect(counts).to.deep.equal({fail: 2, pass: 0, skip: 2, unknown: 0, warn: 0})
    })

    it('goes on after a warning, and after a check that skips itself', async () => {
      const facts = await probeCase('no-sys-at-all')
      const {findings} = diagnose(facts, [
        check('a', [], () => warn('Odd.')),
        check('b', ['a'], () => ({evidence: ['not here'], status: 'skip'})),
        check('c', ['b'], () => pass('fine')),
      ])
      expect(findings.map(({status}) => status)).to.deep.equal(['warn', 'skip', 'pass'])
      expect(findings.map(({remedy}) => remedy.length)).to.deep.equal([1, 0, 0])
    })

    it('makes a warning of a failure on the way to an NPU that OpenVINO lists', async () => {
      const facts = await probeCase('healthy-meteor-lake')
      const {findings, rootCause} = diagnose(facts, [
        check('wsl', [], () => fail('Broken.')),
        check('compiler-missing', [], () => fail('Broken.')),
      ])
      expect(findings.map(({status}) => status)).to.deep.equal(['warn', 'fail'])
      expect(findings[0]!.evidence).to.include('OpenVINO lists the NPU all the same')
      expect(rootCause?.id).to.equal('compiler-missing')
    })

    it('judges one check by itself, whatever became of those it needs', async () => {
      const facts = await probeCase('xeon-in-a-vm')
      const loader = CHECKS.find(({id}) => id === 'level-zero-loader')!
      expect(diagnose(facts, CHECKS).findings.find(({id}) => id === loader.id)?.status).to.equal('skip')
      expect(examineAlone(loader, facts).status).to.equal('unknown')
    })

    it('says that only Linux is examined elsewhere, but judges OpenVINO', async () => {
      const facts = await probeCase('healthy-meteor-lake')
      const windows = {...facts, host: {...facts.host, platform: 'win32'}}
      const {findings, rootCause} = diagnose(windows, CHECKS)
      expect(rootCause).to.equal(null)
      const byId = new Map(findings.map((finding) => [finding.id, finding]))
      expect(byId.get('node-permission')).to.deep.include({
        evidence: ['only Linux is examined, this is win32'],
        status: 'unknown',
      })
      expect(byId.get('runtime-missing')?.status).to.equal('pass')
    })

    it('never calls unreadable for lack of root a failure', async () => {
      const report = await probeCase('healthy-seen-by-a-user')
      const lost = report.checks.find(({id}) => id === 'device-lost')
      expect(lost).to.deep.include({evidence: ['needs root'], status: 'unknown'})
      expect(report.counts.fail).to.equal(0)
    })
  })
})
