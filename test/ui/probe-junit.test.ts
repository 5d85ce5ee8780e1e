import {expect} from 'chai'

import {renderProbeJunit} from '../../src/ui/probe-junit.ts'
import {probeCase} from '../core/probe/fixture.ts'

describe('the report as JUnit', () => {
  it('counts failures and skipped checks, and escapes what it quotes', async () => {
    const report = await probeCase('node-permission')
    const text = renderProbeJunit(report)
    const count = (pattern: RegExp) => text.match(pattern)?.length ?? 0
    expect(count(/<testcase /g)).to.equal(report.checks.length)
    expect(count(/<failure /g)).to.equal(report.counts.fail)
    expect(count(/<skipped /g)).to.equal(report.counts.skip + report.counts.unknown)
    expect(text).to.contain('fix: sudo usermod -aG render &quot;$USER&quot;')
    expect(text.replaceAll(/&(?:quot|amp|lt|gt|#10);/g, '')).to.not.contain('&')
  })
})
