/** The manual page, made of oclif.manifest.json: what the commands say of themselves, in the form of man(7). */

interface Flag {
  readonly name: string
  readonly char?: string
  readonly type: 'boolean' | 'option'
  readonly allowNo?: boolean
  readonly description?: string
  readonly summary?: string
  readonly helpValue?: string | readonly string[]
  readonly options?: readonly string[]
  readonly default?: unknown
  readonly multiple?: boolean
  readonly hidden?: boolean
  /** Flags that have to be given with it, and that may not. */
  readonly dependsOn?: readonly string[]
  readonly exclusive?: readonly string[]
}

interface Arg {
  readonly name: string
  readonly description?: string
  readonly required?: boolean
}

interface Command {
  readonly id: string
  readonly summary?: string
  readonly description?: string
  readonly examples?: ReadonlyArray<string | {readonly description?: string; readonly command: string}>
  readonly flags: Readonly<Record<string, Flag>>
  readonly args: Readonly<Record<string, Arg>>
  readonly hidden?: boolean
}

export interface CommandManifest {
  readonly version: string
  readonly commands: Readonly<Record<string, Command>>
}

const EXIT_STATUS = [
  ['0', 'success'],
  ['1', 'an error, told on standard error with its code and what to do'],
  ['2', 'wrong usage'],
  ['3', 'a check is not met'],
  ['4', 'a guard refused'],
  ['5', 'verification failed and everything was taken back'],
  ['130', 'interrupted'],
] as const

const ENVIRONMENT = [
  ['NPUBRIDGE_HOME', 'where runtimes, models and caches are kept, in place of ~/.local/share and ~/.cache'],
  ['NPUBRIDGE_RUNTIME', 'folder of the OpenVINO to use'],
  ['NPUBRIDGE_NATIVE', 'file of the add-on to use'],
  ['NPUBRIDGE_TOKEN', 'token of a server, for serve and its clients'],
  ['NO_COLOR', 'no colours'],
  ['CI', 'nothing renews itself and nobody is asked'],
  ['DEBUG', 'npubridge*: errors with their stack'],
] as const

/** Text as roff reads it: no line begins with a control character, and hyphens can be copied. */
function roff(text: string): string {
  return text
    .replaceAll('\\', String.raw`\e`)
    .replaceAll('-', String.raw`\-`)
    .replaceAll(/^(['.])/gm, String.raw`\&$1`)
}

function render(text: string, id: string): string {
  return text.replaceAll('<%= config.bin %>', 'npubridge').replaceAll('<%= command.id %>', () => id)
}

function tagged(tag: string, text: string): string {
  return `.TP\n.B ${roff(tag)}\n${roff(text)}`
}

function flagEntry(flag: Flag): string {
  const value = flag.helpValue ?? flag.options?.join('|') ?? 'VALUE'
  const name = flag.allowNo ? `--[no-]${flag.name}` : `--${flag.name}`
  const tag = `${flag.char ? `-${flag.char}, ` : ''}${name}${flag.type === 'option' ? ` ${[value].flat().join(' ')}` : ''}`
  const preset =
    typeof flag.default === 'string' || typeof flag.default === 'number' ? ` (default: ${flag.default})` : ''
  return tagged(
    tag,
    `${flag.summary ?? flag.description ?? ''}${flag.multiple ? ' May be given several times.' : ''}${preset}`,
  )
}

function commandSection(command: Command): string {
  const name = command.id.replaceAll(':', ' ')
  const args = Object.values(command.args).map((arg) =>
    arg.required ? arg.name.toUpperCase() : `[${arg.name.toUpperCase()}]`,
  )
  const examples = (command.examples ?? []).map((example) => {
    const {description = '', command: line} = typeof example === 'string' ? {command: example} : example
    return `.PP\n${roff(render(description, name))}\n.PP\n.nf\n.RS\n${roff(render(line, name))}\n.RE\n.fi`
  })
  return [
    `.SS npubridge ${[name, ...args].join(' ')}`,
    ...(command.summary ? [roff(render(command.summary, name))] : []),
    ...(command.description ? [`.PP\n${roff(render(command.description, name)).replaceAll('\n\n', '\n.PP\n')}`] : []),
    ...Object.values(command.args).map((arg) => tagged(arg.name.toUpperCase(), arg.description ?? '')),
    ...Object.values(command.flags)
      .filter(({hidden}) => !hidden)
      .toSorted((one, other) => one.name.localeCompare(other.name, 'en'))
      .map((flag) => flagEntry(flag)),
    ...examples,
  ].join('\n')
}

/** The page for all commands of `manifest`. */
export function manPage(manifest: CommandManifest, description: string): string {
  const commands = Object.values(manifest.commands).filter(({hidden}) => !hidden)
  return `${[
    String.raw`.\" Written by npm run docs:man.`,
    `.TH NPUBRIDGE 1 "" "npubridge ${manifest.version}" "User Commands"`,
    '.SH NAME',
    String.raw`npubridge \- ${roff(description)}`,
    '.SH SYNOPSIS',
    '.B npubridge\n.I command\n[\\fIargument\\fR ...] [\\fIflag\\fR ...]',
    '.SH COMMANDS',
    ...commands.map((command) => commandSection(command)),
    '.SH EXIT STATUS',
    ...EXIT_STATUS.map(([code, text]) => tagged(code, text)),
    '.SH ENVIRONMENT',
    ...ENVIRONMENT.map(([name, text]) => tagged(name, text)),
  ].join('\n')}\n`
}
