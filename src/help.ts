import {type Command, CommandHelp, Help} from '@oclif/core'

/** What the commands are for, in the order in which people need them; others follow under their own heading. */
const GROUPS: ReadonlyArray<readonly [heading: string, commands: readonly string[]]> = [
  ['FIRST', ['setup', 'probe', 'models']],
  ['WORK', ['run', 'route', 'agents', 'signal', 'serve', 'top', 'worker', 'cluster']],
  ['MEASURE', ['bench', 'tune', 'config']],
  ['MOVE A CODE BASE', ['migrate']],
]

/** What is the same for all commands. */
const EVERYWHERE: ReadonlyArray<[name: string, what: string]> = [
  ['--help', 'examples and flags of a command or topic'],
  ['--json', 'one object on standard output, whose schema is in docs/schemas'],
  ['--config FILE', 'this configuration, not the one that is found here; --profile NAME of it'],
  ['--runtime DIR', 'this OpenVINO, not the one of `npubridge setup`'],
  ['--no-color', 'no colours; NO_COLOR=1 says the same for all commands'],
  ['CI=1', 'nothing renews itself and nobody is asked, as in a log'],
]

/** People who ask for help want to see how it is done: examples come first, explanations last. */
class ExamplesFirst extends CommandHelp {
  protected override sections(): ReturnType<CommandHelp['sections']> {
    const sections = super.sections()
    const isExamples = ({header}: {header: string}) => header === 'EXAMPLES'
    return [...sections.filter(isExamples), ...sections.filter((section) => !isExamples(section))]
  }

  /** Without the summary, which stands at the top already. */
  protected override description(): string | undefined {
    const {description, summary} = this.command
    return description && summary ? this.wrap(this.render(description)) : super.description()
  }
}

export default class NpuBridgeHelp extends Help {
  protected override CommandHelpClass = ExamplesFirst

  /** Commands and topics together, by what they are for. */
  protected override async showRootHelp(): Promise<void> {
    this.log(this.formatRoot())
    this.log('')
    const examples = ['npubridge setup && npubridge probe', `echo '{"type": "echo", "data": 1}' | npubridge run -`]
    this.log(this.section('EXAMPLES', examples.map((line) => `$ ${line}`).join('\n')))
    const entries = this.#entries()
    const known = new Set(GROUPS.flatMap(([, names]) => names))
    const others = [...entries.keys()].filter((name) => !known.has(name)).toSorted()
    for (const [heading, names] of [...GROUPS, ['SHELL', others] as const]) {
      const present = names
        .filter((name) => entries.has(name))
        .map((name): [string, string] => [name, entries.get(name)!])
      if (present.length === 0) continue
      this.log('')
      this.log(this.#list(heading, present))
    }

    this.log('')
    this.log(this.#list('EVERYWHERE', [...EVERYWHERE]))
  }

  #list(heading: string, entries: Array<[string, string]>): string {
    return this.section(
      heading,
      this.renderList(entries, {indentation: 2, spacer: '\n', stripAnsi: this.opts.stripAnsi ?? false}),
    )
  }

  /** Summaries by the first word of commands and topics; what a command says of itself goes before its topic. */
  #entries(): Map<string, string> {
    const topics = this.sortedTopics.filter(({name}) => !name.includes(':'))
    const commands = this.sortedCommands.filter(({id}: Command.Loadable) => !id.includes(':'))
    return new Map([
      ...topics.map(({name, description}) => [name, this.summary({description} as Command.Loadable) ?? ''] as const),
      ...commands.map((command) => [command.id, this.summary(command) ?? ''] as const),
    ])
  }
}
