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
} else {
  import('./main.js').then((main) => main.start(process.argv.slice(2)))
}
