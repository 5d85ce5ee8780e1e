import type {PrintableFinding, PrintableProbe} from './probe.ts'

/** The report for an issue: complete, and foldable where it is long. */
export function renderProbeMarkdown(report: PrintableProbe): string {
  const {checks, headline, sections, subject} = report
  return [
    `## ${escape(headline.title)}`,
    '',
    escape(subject),
    '',
    ...headline.details.map((detail) => `- ${escape(detail)}`),
    ...headline.also.map((line) => `- also: ${escape(line)}`),
    ...(headline.fix.length > 0 ? ['', 'What to do:', '', ...headline.fix.map((line) => `1. ${escape(line)}`)] : []),
    '',
    '| | |',
    '|---|---|',
    ...sections.map(({lines, name}) => `| ${escape(name)} | ${lines.map(escape).join('<br>')} |`),
    '',
    '<details><summary>All checks</summary>',
    '',
    '| check | result | seen |',
    '|---|---|---|',
    ...checks.map(row),
    '',
    '</details>',
    '',
  ].join('\n')
}

function row({evidence, id, status, title}: PrintableFinding): string {
  return `| ${escape(title)} (${id}) | ${status} | ${evidence.map(escape).join('<br>')} |`
}

/** What comes from files and drivers must not become markup. */
function escape(text: string): string {
  return text.replaceAll(/[\\`*_<>[\]|#]/g, String.raw`\$&`).replaceAll('\n', ' ')
}
