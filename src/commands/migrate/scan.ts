import {Args, Flags} from '@oclif/core'

import type {SarifLog} from '../../core/migrate/sarif.ts'
import type {ScanReport} from '../../core/migrate/scan/report.ts'

import {BaseCommand} from '../../base-command.ts'

export default class Scan extends BaseCommand {
  static override summary = 'Find the legacy module, its importers and its known defects. Writes nothing.'
  static override description =
    'Finds the module by its structure, in any folder and under any name; every way of importing it (from, import as, relative, dotted, by string, in notebooks, conditional); the names that are asked for and never existed; and the six known defects, each with its place and an explanation.'

  static override examples = [
    {command: '<%= config.bin %> <%= command.id %> .', description: 'See what there is'},
    {command: '<%= config.bin %> <%= command.id %> . --sarif', description: 'For code scanning: SARIF 2.1.0 on stdout'},
    {
      command: "<%= config.bin %> <%= command.id %> . --json | jq '.modules[].defects'",
      description: 'The defects, as data',
    },
  ]

  static override args = {
    path: Args.string({default: '.', description: 'Root of the code base'}),
  }

  static override flags = {
    sarif: Flags.boolean({description: 'Print SARIF 2.1.0 instead of text', exclusive: ['json']}),
  }

  async run(): Promise<ScanReport | SarifLog> {
    const {args, flags} = await this.parse(Scan)
    const {nodeEffects} = await import('../../core/migrate/node-effects.ts')
    const {resolveRoot} = await import('../../core/migrate/root.ts')
    const {toSarif} = await import('../../core/migrate/sarif.ts')
    const {scanTree} = await import('../../core/migrate/scan/scan.ts')
    const {renderScan} = await import('../../ui/migrate-scan.ts')
    const effects = nodeEffects()
    const {report} = await scanTree(resolveRoot(effects.fs, args.path), effects, {signal: this.interrupted})
    this.log(flags.sarif ? JSON.stringify(toSarif(report, this.config.version), null, 2) : renderScan(report))
    return report
  }
}
