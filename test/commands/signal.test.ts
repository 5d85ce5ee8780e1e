import {expect} from 'chai'
import {execa} from 'execa'
import {readFileSync} from 'node:fs'
import {readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'

import type {SignalReport} from '../../src/core/signal/process.ts'

import {writeSamples} from '../../src/core/signal/files.ts'
import {BIN} from '../support/cli.ts'
import {makeFolder, removeFolder} from '../support/folder.ts'
import {expectSchema} from '../support/schema.ts'

const RATE = 8000
const TONES = [440.3, 1234.56, 3001.7]

describe('npubridge signal', () => {
  let folder: string

  before(async () => {
    folder = await makeFolder()
    const data = Float64Array.from({length: 2 * RATE}, (_, k) =>
      TONES.reduce((sum, tone, index) => sum + Math.sin((2 * Math.PI * tone * k) / RATE) / (index + 2), 0),
    )
    await writeSamples(path.join(folder, 'tones.wav'), {data, shape: [data.length]}, RATE)
    await writeFile(path.join(folder, 'steps.csv'), 'a,b\n1,0\n1,0\n1,1\n')
  })

  after(async () => removeFolder(folder))

  // eslint-disable-next-line @typescript-eslint/promise-function-async -- what execa gives is more than a promise
  function signal(...parameters: string[]) {
    return execa(process.execPath, [BIN, 'signal', ...parameters], {cwd: folder, reject: false})
  }

  it('finds the tones of a recording within 0.1 Hz and draws its spectrum', async () => {
    const {exitCode, stderr, stdout} = await signal('welch', 'tones.wav', '--plot', '--json')
    expect(exitCode, stderr).to.equal(0)
    const {fs, plot, tones} = expectSchema<SignalReport & {plot: string}>('signal', stdout)
    expect(fs).to.equal(RATE)
    expect(tones).to.have.length(3)
    for (const [index, tone] of TONES.entries()) {
      expect(tones![index]!.frequency).to.be.closeTo(tone, 0.1)
      expect(tones![index]!.amplitude).to.be.closeTo(1 / (index + 2), 0.01)
    }

    const picture = await readFile(path.join(folder, plot), 'utf8')
    expect(picture).to.match(/^<svg /)
    expect(picture).to.contain('frequency (Hz)').and.contain('power density (dB/Hz)').and.contain('440.30 Hz')
  })

  it('draws in pixels what ends in .png', async () => {
    const {exitCode, stderr} = await signal('spectrogram', 'tones.wav', 'tones.PNG', '--plot')
    expect(exitCode, stderr).to.equal(0)
    const png = readFileSync(path.join(folder, 'tones.PNG'))
    expect(png.subarray(1, 4).toString('latin1')).to.equal('PNG')
    // Width and height, as the header of a PNG has them: twice those of the drawing.
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).to.deep.equal([1720, 920])
  })

  it('refuses a picture of another ending before anything is worked out', async () => {
    const {exitCode, stderr} = await signal('welch', 'missing.wav', 'tones.gif', '--plot')
    expect(exitCode).to.equal(1)
    expect(stderr).to.contain('the picture is "tones.gif", it must end in .svg or .png')
  })

  it('works a spectrum out on a device and by Octave as it does itself', async () => {
    const reports = await Promise.all(
      [[], ['--device', 'cpu'], ['--backend', 'octave']].map(async (where) => {
        const {exitCode, stderr, stdout} = await signal('welch', 'tones.wav', ...where, '--json')
        expect(exitCode, stderr).to.equal(0)
        return expectSchema<SignalReport & {plot: string | null}>('signal', stdout)
      }),
    )
    expect(reports.map(({backend}) => backend.backend)).to.deep.equal(['native', 'openvino', 'octave'])
    expect(reports.map(({device}) => device)).to.deep.equal([null, 'CPU', null])
    const [native, ...others] = reports
    for (const {outputs} of others) {
      const most = native!.outputs.psd!.max!
      expect(outputs.psd!.max).to.be.closeTo(most, 1e-5 * most)
    }
  })

  it('writes the first output as its ending says', async () => {
    const {exitCode, stderr} = await signal('lfilter', 'steps.csv', '--set', 'b=[2]', '--out', 'twice.csv')
    expect(exitCode, stderr).to.equal(0)
    expect(await readFile(path.join(folder, 'twice.csv'), 'utf8')).to.equal('2,0\n2,0\n2,2\n')
    const npy = await signal('lfilter', 'steps.csv', '--set', 'b=[2]', '--out', 'twice.npy')
    expect(npy.exitCode, npy.stderr).to.equal(0)
    expect(readFileSync(path.join(folder, 'twice.npy')).subarray(1, 6).toString('latin1')).to.equal('NUMPY')
  })

  it('tells the nearest kind', async () => {
    const {exitCode, stderr} = await signal('welsh', 'tones.wav')
    expect(exitCode).to.equal(1)
    expect(stderr).to.contain('KIND is "welsh"').and.contain('welch')
  })

  it('tells what is wrong with a file, a parameter or a rate', async () => {
    expect((await signal('welch', 'none.csv')).stderr).to.contain('none.csv cannot be read')
    expect((await signal('welch', 'tones.txt')).stderr).to.contain('ends in none of .npy, .csv, .wav')
    expect((await signal('welch', 'tones.wav', '--set', 'nperseg')).stderr).to.contain('--set is "nperseg"')
    expect((await signal('welch', 'tones.wav', '--fs', '-1')).stderr).to.contain('--fs is "-1"')
  })
})
