import {CommandHelp, Help} from '@oclif/core'

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
}
