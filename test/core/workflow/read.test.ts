import {expect} from 'chai'
import {writeFileSync} from 'node:fs'
import path from 'node:path'

import {LARGEST_FILE, parseWorkflow, readWorkflow} from '../../../src/core/workflow/read.ts'
import {errorOf, rejectionOf} from '../run/expect-error.ts'
import {temporaryFolder} from '../run/temporary-folder.ts'

const refused = (text: string, message: RegExp) =>
  errorOf(() => parseWorkflow(text, 'w.yaml'), 'CONFIG_INVALID', message)

describe('parseWorkflow', () => {
  it('takes YAML and JSON', () => {
    const definition = {tasks: [{id: 'a', priority: 3}]}
    expect(parseWorkflow('tasks:\n  - id: a\n    priority: 3\n', 'w.yaml')).to.deep.equal(definition)
    expect(parseWorkflow(JSON.stringify(definition), 'w.json')).to.deep.equal(definition)
  })

  it('names what is no field, and what was probably meant', () => {
    const {suggestions} = refused(
      'tasks:\n  - id: a\n    dependancies: [b]\n',
      /^w\.yaml: tasks\[0\]\.dependancies is not a field$/,
    )
    expect(suggestions).to.deep.equal(['did you mean "dependencies"?'])
    refused('task: []', /tasks is missing/)
    refused('tasks:\n  - id: a\n    priority: 900\n', /tasks\[0\]\.priority is 900: /)
    refused('tasks:\n  - id: "a b"\n', /tasks\[0\]\.id is "a b": letters, digits, _ and - only/)
    refused('- a', /the workflow is an array of 1/)
  })

  it('names the line where it is no YAML', () => {
    refused('tasks:\n  - id: [a\n', /^w\.yaml is not YAML: .* at line \d+/)
  })

  it('refuses aliases that grow without end', () => {
    const levels = Array.from({length: 9}, (_, level) => {
      const before = level === 0 ? '"x"' : `*a${level - 1}`
      return `a${level}: &a${level} [${Array.from({length: 9}, () => before).join(', ')}]`
    })
    refused(`${levels.join('\n')}\ntasks: *a8\n`, /Excessive alias count/)
  })
})

describe('readWorkflow', () => {
  const folder = temporaryFolder()

  it('refuses a file that is too large before it parses it', async () => {
    const file = path.join(folder(), 'large.yaml')
    writeFileSync(file, `# ${'x'.repeat(10 * 1024 * 1024)}\n`)
    await rejectionOf(readWorkflow(file), 'CONFIG_INVALID', new RegExp(`bytes, a workflow has at most ${LARGEST_FILE}`))
  })

  it('says that a file is not there', async () => {
    await rejectionOf(readWorkflow(path.join(folder(), 'none.yaml')), 'INVALID_ARGUMENT', /none\.yaml cannot be read/)
  })
})
