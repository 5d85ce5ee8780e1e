import {expect} from 'chai'
import {execa} from 'execa'
import {existsSync, globSync, readFileSync} from 'node:fs'
import path from 'node:path'

import {
  LIMIT_BYTES,
  platformManifest,
  publishedManifest,
  readManifest,
  ROOT,
  targets,
  wheelsFor,
} from '../../scripts/release/packages.ts'

/** What may be in the package, and nothing else. */
const ALLOWED = [
  /^(CHANGELOG\.md|LICENSE|README\.md|package\.json|oclif\.manifest\.json)$/,
  /^bin\/(run|main)\.js$/,
  /^dist\/.+\.(js|d\.ts)$/,
  /^dist\/dashboard\/(index\.html|dashboard\.css|favicon\.svg)$/,
  /^docs\/schemas\/config\.schema\.json$/,
  /^man\/npubridge\.1$/,
  /^proto\/inference\.proto$/,
  /^native\/python\/bench\/(bench_peer|compat_module)\.py$/,
  /^native\/python\/python\/npubridge\/_reference\/\w+\.py$/,
]

describe('what npm pack puts into npubridge', () => {
  let size: number
  let files: string[]

  before(async () => {
    const {stdout} = await execa('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {cwd: ROOT})
    const [packed] = JSON.parse(stdout) as [{size: number; files: Array<{path: string}>}]
    size = packed.size
    files = packed.files.map((file) => file.path)
  })

  it('is what runs: no sources of the engine, no tests, no fixtures, no add-on', () => {
    expect(files.filter((file) => ALLOWED.every((pattern) => !pattern.test(file)))).to.deep.equal([])
  })

  it('is everything that runs: each compiled file, and what the code reads beside it', () => {
    const compiled = globSync('dist/**/*.js', {cwd: ROOT}).map((file) => file.replaceAll(path.sep, '/'))
    expect(files).to.include.members(compiled)
    // Paths that lead out of dist, as they stand in the sources.
    const read = compiled.flatMap((file) => {
      const source = readFileSync(path.join(ROOT, file), 'utf8')
      return [...source.matchAll(/'(?:\.\.\/)+((?:native|docs|proto)\/[\w./]+\.\w+)'/g)].map((match) => match[1]!)
    })
    expect(read).to.include('docs/schemas/config.schema.json')
    expect(files).to.include.members(read)
    expect(files).to.include('proto/inference.proto')
  })

  it('is no larger than stated', () => {
    expect(size).to.be.below(LIMIT_BYTES.main)
  })
})

describe('the manifests that are published', () => {
  const manifest = readManifest()

  it('have the platforms as optional dependencies of this very version, and nothing that only a checkout needs', () => {
    const published = publishedManifest(manifest, {})
    expect(published.optionalDependencies).to.deep.equal({
      ...manifest.optionalDependencies,
      '@npubridge/linux-x64-gnu': manifest.version,
      '@npubridge/linux-arm64-gnu': manifest.version,
      '@npubridge/linux-x64-musl': manifest.version,
      '@npubridge/win32-x64-msvc': manifest.version,
      '@npubridge/darwin-arm64': manifest.version,
    })
    expect(published).to.not.have.any.keys('devDependencies', 'scripts', 'allowScripts', 'repository')
    expect(published.optionalDependencies).to.have.any.keys('@resvg/resvg-js')
    expect(published.dependencies).to.deep.equal(manifest.dependencies)
  })

  it('say where a release comes from, as provenance asks for', () => {
    const env = {GITHUB_REPOSITORY: 'someone/npubridge', GITHUB_SERVER_URL: 'https://github.example'}
    const repository = {type: 'git', url: 'git+https://github.example/someone/npubridge.git'}
    expect(publishedManifest(manifest, env).repository).to.deep.equal(repository)
    expect(platformManifest(manifest, targets()[0]!, env).repository).to.deep.equal(repository)
  })

  it('keep packages from other platforms', () => {
    const [glibc, , musl, windows, mac] = targets().map((target) => platformManifest(manifest, target, {}))
    expect(glibc).to.deep.include({os: ['linux'], cpu: ['x64'], libc: ['glibc'], version: manifest.version})
    expect(musl).to.deep.include({os: ['linux'], cpu: ['x64'], libc: ['musl']})
    expect(windows).to.deep.include({os: ['win32'], cpu: ['x64'], main: 'npubridge.win32-x64-msvc.node'})
    expect(mac)
      .to.deep.include({os: ['darwin'], cpu: ['arm64']})
      .and.not.have.property('libc')
  })

  it('bring the wheels of their platform', () => {
    const wheels = [
      'npubridge-1.2.3-cp310-abi3-manylinux_2_28_x86_64.whl',
      'npubridge-1.2.3-cp310-abi3-musllinux_1_2_x86_64.whl',
      'npubridge-1.2.3-cp310-abi3-win_amd64.whl',
      'npubridge-1.2.2-cp310-abi3-win_amd64.whl',
      'npubridge-1.2.3-cp310-abi3-macosx_11_0_arm64.whl',
    ]
    const [glibc, arm, musl, windows, mac] = targets().map((target) => wheelsFor(target, wheels, '1.2.3'))
    expect({glibc, arm, musl, windows, mac}).to.deep.equal({
      glibc: [wheels[0]],
      arm: [],
      musl: [wheels[1]],
      windows: [wheels[2]],
      mac: [wheels[4]],
    })
  })
})

describe('no code runs while npubridge is installed', () => {
  it('but that of dependencies that the README names', () => {
    const {scripts = {}} = readManifest() as {scripts?: Record<string, string>}
    expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$|^prepare$/.test(name))).to.deep.equal([])
    const lock = JSON.parse(readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, {dev?: boolean; hasInstallScript?: boolean}>
    }
    const runs = Object.entries(lock.packages).filter(([, {hasInstallScript, dev}]) => hasInstallScript && !dev)
    expect(runs.map(([name]) => name.replace('node_modules/', '')).toSorted()).to.deep.equal([
      '@ast-grep/lang-python',
      'msgpackr-extract',
      'protobufjs',
    ])
  })
})

describe('a checkout', () => {
  it('has one version', async () => {
    const {exitCode, stdout} = await execa('node', ['scripts/release/version.ts', '--check'], {
      cwd: ROOT,
      reject: false,
    })
    expect(stdout).to.equal('')
    expect(exitCode).to.equal(0)
    expect(existsSync(path.join(ROOT, 'package-lock.json'))).to.equal(true)
  })
})
