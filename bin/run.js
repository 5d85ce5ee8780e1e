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
  import('./main.js').then((main) => main.start(process.argv.slice(2)))
}
