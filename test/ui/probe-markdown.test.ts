import {expect} from 'chai'

import {renderProbeMarkdown} from '../../src/ui/probe-markdown.ts'
import {probeCase} from '../core/probe/fixture.ts'

describe('the report as Markdown', () => {
  it('has headline, facts and all checks, and no markup from outside', async () => {
    const report = await probeCase('firmware-missing')
    const text = renderProbeMarkdown({...report, subject: '<b>bold</b> [link](x) `code` | pipe'})
    expect(text).to.contain('## The NPU firmware is missing; operations run on the CPU.')
    expect(text).to.contain(String.raw`\<b\>bold\</b\> \[link\](x) \`code\` \| pipe`)
    expect(text.match(/^\| .* \| (?:fail|pass|skip|unknown|warn) \|/gm)).to.have.length(report.checks.length)
  })
})
