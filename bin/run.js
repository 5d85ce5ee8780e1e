#!/usr/bin/env node
// Kept in syntax that old versions of Node parse too, so that they get one clear line instead of a stack.
const required = [22, 13]
const found = process.versions.node.split('.').map(Number)

if (found[0] < required[0] || (found[0] === required[0] && found[1] < required[1])) {
  process.stderr.write(
    'npubridge needs Node ' +
      required.join('.') +
      ' or newer, this is ' +
      process.versions.node +
      '. Install a newer one, or use npx in a project that has "node" 24 as a devDependency.\n',
  )
  process.exitCode = 1
} else if (process.argv.length === 3 && process.argv[2] === '--version') {
  // Scripts ask for it, so it is told without loading anything: oclif alone takes four times as long as Node.
  const file = process.getBuiltinModule('node:fs').readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  const arch = process.arch === 'ia32' ? 'x86' : process.arch
  process.stdout.write(
    'npubridge/' + JSON.parse(file).version + ' ' + process.platform + '-' + arch + ' node-' + process.version + '\n',
  )
} else {
  const argv = process.argv.slice(2)
  const flag = argv.indexOf('--no-color')
  const end = argv.indexOf('--')
  // Before anything is imported, since some look at the environment when they are.
  if (flag !== -1 && (end === -1 || flag < end)) {
    argv.splice(flag, 1)
    process.env.NO_COLOR = '1'
    delete process.env.FORCE_COLOR
  }

  // The log of a CI system keeps every line: nothing there renews itself or asks, even where it looks like a terminal.
  if (process.env.CI) {
    process.stdout.isTTY = false
    process.stderr.isTTY = false
  }

  import('./main.js').then((main) => main.start(argv))
}
