import {expect} from 'chai'

import {explain, findingsOf} from '../../src/core/probe/session.ts'
import {renderCaptured, renderExplanation, renderFindings, renderProbe} from '../../src/ui/probe.ts'
import {probeCase} from '../core/probe/fixture.ts'

function longest(text: string): number {
  const lengths = text.split('\n').map((line) => line.length)
  return Math.max(...lengths)
}

const ESCAPE = '\u{1B}'

describe('the report of a probe', () => {
  for (const width of [40, 80]) {
    for (const name of ['node-permission', 'healthy-meteor-lake', 'xeon-in-a-vm', 'two-vendors', 'firmware-missing']) {
      it(`fits ${width} columns for ${name}`, async () => {
        const report = await probeCase(name)
        expect(longest(renderProbe(report, {all: true, width}))).to.be.at.most(width)
        expect(longest(renderFindings(report, {width}))).to.be.at.most(width)
        const explanation = explain('node-permission', report)
        expect(longest(renderExplanation(explanation, {width}))).to.be.at.most(width)
      })
    }
  }

  it('gives the answer first, then what to do, then the facts', async () => {
    const lines = renderProbe(await probeCase('node-permission'), {width: 100}).split('\n')
    expect(lines.slice(0, 6)).to.deep.equal([
      'npubridge 0.0.0 · Ubuntu 24.04.3 LTS · kernel 6.14.0-37-generic · Intel Core Ultra 7 155H',
      '',
      '✖ NPU found, but this user may not open it; operations run on the CPU.',
      '  /dev/accel/accel0 belongs to root:render (mode 0660) and you are not in that group',
      '  Fix:   sudo usermod -aG render "$USER"   then log in again',
      '  Why:   npubridge probe --explain node-permission',
    ])
    expect(lines[7]).to.equal(
      '  Hardware   Meteor Lake NPU (8086:7d1d) · 2 tiles · 1.4 GHz · 11.5 TOPS INT8 (computed)',
    )
    expect(lines.at(-1)).to.match(/^ {2}\d+ checks passed · 1 failed · .*npubridge probe --all$/)
  })

  it('has no colour when it is not written to a terminal, and a word with every sign', async () => {
    const report = await probeCase('node-permission')
    const text = renderProbe(report, {all: true, width: 80})
    expect(text).to.not.contain(ESCAPE)
    const signs = [...text.matchAll(/^([·?✔✖⚠]) (fail|pass|skip|unknown|warn) /gm)].map((match) => match[0])
    expect([...new Set(signs)]).to.have.members(['✖ fail ', '✔ pass ', '· skip ', '? unknown '])

    expect(text).to.match(/^✔ pass {4}The processor has an NPU/m)
  })

  it('tells of other failures that do not wait for the first', async () => {
    const text = renderProbe(await probeCase('permission-and-old-loader'), {width: 100})
    expect(text).to.contain('  Also:  The Level Zero loader is too old for the NPU. (level-zero-loader)')
  })

  it('says that the NPU works when it does', async () => {
    const text = renderProbe(await probeCase('healthy-lunar-lake'), {width: 80})
    expect(text).to.contain('✔ The NPU works: Intel(R) AI Boost.')
    expect(text).to.not.contain('Fix:')
  })

  it('shows the properties of devices, and when the driver was built, in a full report', async () => {
    const report = await probeCase('healthy-meteor-lake')
    expect(renderProbe(report, {width: 100})).to.contain('NPU driver 1.30.0, built 2025-07-20 · compiler present')
    expect(renderProbe(report, {width: 100})).to.not.contain('DEVICE_ARCHITECTURE')
    expect(renderProbe(report, {all: true, width: 100})).to.match(/^ {2}NPU +DEVICE_ARCHITECTURE = 3720$/m)
  })

  it('breaks a word only when it is longer than a line', async () => {
    const report = await probeCase('healthy-meteor-lake')
    const long = 'x'.repeat(90)
    const text = renderProbe({...report, subject: `a ${long} b`}, {width: 40})
    expect(text.split('\n').slice(0, 4)).to.deep.equal([
      'a',
      long.slice(0, 40),
      long.slice(0, 40),
      `${long.slice(0, 10)} b`,
    ])
  })

  it('tells what a check is about, with what it found and what to do', async () => {
    const report = await probeCase('node-permission')
    const text = renderExplanation(explain('node-permission', report), {width: 100})
    expect(text).to.contain('✖ fail here: /dev/accel/accel0 belongs to root:render')
    expect(text).to.contain('  - sudo usermod -aG render "$USER"')
    expect(text).to.contain('Seen in: https://github.com/intel/linux-npu-driver/issues/82')
  })

  it('names the commands of the distribution', async () => {
    const nixos = await probeCase('node-permission-on-nixos')
    expect(nixos.headline.fix[0]).to.contain('users.users.<name>.extraGroups')
    const arch = await probeCase('user-mode-driver-missing-on-arch')
    expect(arch.headline.fix).to.deep.equal(['sudo pacman -S intel-npu-driver'])
    const relogin = await probeCase('node-permission-until-login')
    expect(relogin.headline.fix).to.deep.equal(['log out and in again'])
  })

  it('says where a snapshot is and how to look at it', () => {
    expect(renderCaptured({file: 'npu.tar.gz', files: 7})).to.contain('npubridge probe --root npu.tar.gz')
  })

  it('shows single checks, judged by themselves', async () => {
    const report = await probeCase('permission-and-old-loader')
    const checks = findingsOf(['level-zero-loader', 'wsl'], report)
    expect(renderFindings({checks}, {width: 80})).to.match(/^✖ fail [^]*\n✔ pass /)
  })
})
