import {expect} from 'chai'
import {globSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {parse} from 'yaml'

const ROOT = path.resolve(import.meta.dirname, '../..')

interface Step {
  readonly run?: string
  readonly uses?: string
  readonly with?: Readonly<Record<string, unknown>>
}

interface Job {
  readonly permissions?: Readonly<Record<string, string>>
  readonly steps: readonly Step[]
}

interface Workflow {
  readonly permissions: Readonly<Record<string, string>>
  readonly jobs: Readonly<Record<string, Job>>
}

describe('.github/workflows', () => {
  const files = globSync('.github/workflows/*.yml', {cwd: ROOT}).toSorted()
  const workflows = new Map(
    files.map((file) => [path.basename(file), parse(readFileSync(path.join(ROOT, file), 'utf8')) as Workflow]),
  )
  const steps = [...workflows].flatMap(([file, {jobs}]) =>
    Object.values(jobs).flatMap((job) => job.steps.map((step) => ({file, step}))),
  )
  const {scripts} = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }

  it('run nothing but scripts of this project', () => {
    const commands = steps.flatMap(({step}) => step.run ?? [])
    expect(commands).to.include.members(['npm ci', 'npm test', 'npm run lint', 'npm run test:packaged'])
    for (const command of commands) {
      if (command === 'npm ci') continue
      const name = /^npm (?:run )?([\w:-]+)( -- [^;&|]+)?$/.exec(command)?.[1]
      expect(scripts, command).to.have.property(name!)
    }
  })

  it('use actions of a stated version, and leave no token behind in a checkout', () => {
    for (const {file, step} of steps) {
      if (step.uses === undefined) continue
      expect(step.uses, file).to.match(/^[\w-]+\/[\w-]+@(v\d+|release\/v\d+)$/)
      if (step.uses.startsWith('actions/checkout')) expect(step.with, file).to.include({'persist-credentials': false})
    }
  })

  it('may read, and only those jobs that publish may ask for a token of identity', () => {
    for (const [file, {permissions, jobs}] of workflows) {
      expect(permissions, file).to.deep.equal({contents: 'read'})
      const publishing = Object.entries(jobs).filter(([, job]) => job.permissions?.['id-token'] === 'write')
      expect(publishing.map(([name]) => name)).to.deep.equal(file === 'release.yml' ? ['npm', 'pypi'] : [])
    }
  })

  it('build each platform that there is a package for', () => {
    const {napi} = JSON.parse(readFileSync(path.join(ROOT, 'native/node/package.json'), 'utf8')) as {
      napi: {targets: string[]}
    }
    const release = readFileSync(path.join(ROOT, '.github/workflows/release.yml'), 'utf8')
    for (const target of napi.targets) expect(release.split(`target: ${target}`), target).to.have.length(3)
  })
})
