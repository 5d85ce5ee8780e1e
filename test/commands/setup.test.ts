import {expect} from 'chai'
import {writeFile} from 'node:fs/promises'
import path from 'node:path'

import {npubridge} from '../support/cli.ts'
import {makeFolder, removeFolder} from '../support/folder.ts'
import {fakeRuntime} from '../support/runtime.ts'
import {expectSchema} from '../support/schema.ts'

describe('npubridge setup', () => {
  let home = ''

  beforeEach(async () => {
    home = await makeFolder()
  })

  afterEach(async () => removeFolder(home))

  it('shows examples that stand on their own', async () => {
    const {stdout, exitCode} = await npubridge(home, ['setup', '--help'])
    expect(exitCode).to.equal(0)
    expect(stdout).to.contain('$ npubridge setup --json | jq -r .runtime.folder').and.to.contain('--wheel=FILE')
  })

  it('refuses a folder without a runtime, as text and as JSON', async () => {
    const text = await npubridge(home, ['setup', '--runtime', path.join(home, 'nowhere')])
    expect(text.exitCode).to.equal(1)
    expect(text.stdout).to.equal('')
    expect(text.stderr).to.contain('(RUNTIME_NOT_FOUND)').and.to.contain(path.join(home, 'nowhere'))
    const json = await npubridge(home, ['setup', '--json', '--runtime', path.join(home, 'nowhere')])
    expect(json.stderr).to.equal('')
    const {error} = expectSchema<{error: {code: string; suggestions: string[]}}>('setup', json.stdout)
    expect(error.code).to.equal('RUNTIME_NOT_FOUND')
    expect(error.suggestions).to.include('Install one that works: npubridge setup')
  })

  it('tests the runtime that the configuration names, and puts nothing in its place', async () => {
    const config = path.join(home, 'npubridge.config.json')
    const runtime = await fakeRuntime(path.join(home, 'old'), '2450')
    await writeFile(config, JSON.stringify({runtime}))
    const {exitCode, stderr} = await npubridge(home, ['setup', '--config', config])
    expect(exitCode).to.equal(1)
    expect(stderr).to.contain('(RUNTIME_NOT_FOUND)').and.to.contain(runtime).and.to.contain('2026.4.0')
  })

  it('refuses a library that is too old', async () => {
    const folder = await fakeRuntime(path.join(home, 'old'), '2450')
    const {stderr} = await npubridge(home, ['setup', '--runtime', folder])
    expect(stderr).to.contain('OpenVINO 2024.5.0').and.to.contain('2026.4.0')
  })

  it('refuses a wheel that is not the pinned one', async () => {
    const wheel = path.join(home, 'x.whl')
    await writeFile(wheel, 'hello')
    const {stderr, exitCode} = await npubridge(home, ['setup', '--wheel', wheel])
    expect(exitCode).to.equal(1)
    expect(stderr).to.contain('(INVALID_ARGUMENT)').and.to.contain('pip download')
  })

  it('treats contradicting flags as a usage error', async () => {
    const {exitCode} = await npubridge(home, ['setup', '--force', '--runtime', home])
    expect(exitCode).to.equal(2)
  })
})
