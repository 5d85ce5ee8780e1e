import type {PrintableFinding, PrintableProbe} from './probe.ts'

/** The checks as a JUnit test suite: a failed check is a failure, one that could not be judged is skipped. */
export function renderProbeJunit({checks, counts, subject}: PrintableProbe): string {
  const skipped = counts.skip + counts.unknown
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites tests="${checks.length}" failures="${counts.fail}" skipped="${skipped}">`,
    `  <testsuite name="npubridge probe" tests="${checks.length}" failures="${counts.fail}" skipped="${skipped}" errors="0">`,
    `    <properties><property name="subject" value="${escape(subject)}"/></properties>`,
    ...checks.map(testCase),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}

function testCase({evidence, headline, id, remedy, status, title}: PrintableFinding): string {
  const seen = evidence.join('\n')
  const open = `    <testcase classname="npubridge.probe" name="${escape(`${id}: ${title}`)}"`
  if (status === 'fail') {
    const body = [seen, ...remedy.map((line) => `fix: ${line}`)].join('\n')
    return `${open}><failure message="${escape(headline ?? title)}">${escape(body)}</failure></testcase>`
  }

  if (status === 'skip' || status === 'unknown') return `${open}><skipped message="${escape(seen)}"/></testcase>`
  return seen === '' ? `${open}/>` : `${open}><system-out>${escape(seen)}</system-out></testcase>`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '"': '&quot;',
  '&': '&amp;',
  '\n': '&#10;',
  '<': '&lt;',
  '>': '&gt;',
}

function escape(text: string): string {
  return text.replaceAll(/["&\n<>]/g, (character) => ENTITIES[character]!)
}
