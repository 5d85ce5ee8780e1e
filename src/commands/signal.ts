import {Args, Flags} from '@oclif/core'

import type {SignalReport} from '../core/signal/process.ts'

import {BaseCommand} from '../base-command.ts'
import {SIGNAL_BACKENDS, SIGNAL_DEVICES} from '../core/engine/engine.ts'
import {NpuBridgeError} from '../core/errors.ts'
import {SIGNAL_EXAMPLES} from '../examples/signal.ts'

/** Apart from `using`: tsc does not rewrite the names of files that are imported in a function with it. */
const loadSignals = async () => ({
  ...(await import('../core/open-bridge.ts')),
  ...(await import('../core/signal/drawing.ts')),
  ...(await import('../core/signal/parameters.ts')),
  ...(await import('../core/signal/picture.ts')),
  ...(await import('../core/signal/process.ts')),
  ...(await import('../ui/signal-plot.ts')),
  ...(await import('../ui/signal.ts')),
})

export default class Signal extends BaseCommand {
  static override summary = 'Process a signal: transforms, filters, Kalman, wavelets, spectra, adaptive filters'

  static override description = `KIND is a member of a family, such as welch, stft, butter, filtfilt, wavedec or kalman; docs/signal.md has them all. Its parameters have the names and defaults of scipy.signal or PyWavelets. FILE is .npy (channels first, time last), .csv (a column for each channel) or .wav (mono), whose sampling rate is taken over.

Of welch and periodogram the tones that stand out are told, more exactly than the lines of the spectrum lie apart.`

  static override examples = SIGNAL_EXAMPLES

  static override args = {
    kind: Args.string({description: 'what to do: welch, stft, butter, …', required: true}),
    file: Args.string({description: 'samples: .npy, .csv or .wav', required: true}),
    picture: Args.string({description: 'with --plot, the .svg or .png to draw; KIND-FILE.svg here when absent'}),
  }

  static override flags = {
    set: Flags.string({
      default: [],
      description: 'a parameter, its value as JSON or text',
      helpValue: 'NAME=VALUE',
      multiple: true,
    }),
    fs: Flags.string({description: "sampling rate; a .wav file's own when absent", helpValue: 'HZ'}),
    input: Flags.string({
      default: [],
      description: 'further samples, by the name that KIND gives them',
      helpValue: 'NAME=FILE',
      multiple: true,
    }),
    out: Flags.string({description: 'where the first output goes: .npy, .csv or .wav', helpValue: 'FILE'}),
    backend: Flags.option({
      default: 'auto' as const,
      description: 'where it is worked out; auto is native unless a device is asked for',
      options: SIGNAL_BACKENDS,
    })(),
    device: Flags.option({description: 'work it out on a device, through OpenVINO', options: SIGNAL_DEVICES})(),
    plot: Flags.boolean({description: 'draw the first channel of the result'}),
  }

  async run(): Promise<SignalReport & {plot: string | null}> {
    const {args, flags} = await this.parse(Signal)
    const {openBridge, readParameters, pictureOf, picturePath, processFile, renderPlot, renderSignal, writePicture} =
      await loadSignals()
    const plot = flags.plot ? picturePath({...args, picture: args.picture}) : null
    await using engine = await openBridge({
      device: flags.device ?? (flags.backend === 'openvino' ? 'auto' : 'cpu'),
      engine: 'native',
    })
    const processed = await processFile(
      {
        kind: args.kind,
        file: args.file,
        parameters: readParameters(flags.set),
        inputs: readParameters(flags.input) as Record<string, string>,
        fs: flags.fs === undefined ? undefined : positive(flags.fs),
        out: flags.out,
        backend: flags.backend,
        device: flags.device,
        signal: this.interrupted,
      },
      async () => engine,
    )
    if (plot !== null) await writePicture(plot, renderPlot(pictureOf(processed)))
    const report = {...processed.report, plot}
    this.log(renderSignal(report))
    return report
  }
}

function positive(text: string): number {
  const value = Number(text)
  if (value > 0 && Number.isFinite(value)) return value
  throw new NpuBridgeError('INVALID_ARGUMENT', `--fs is "${text}", it must be a number above 0`)
}
