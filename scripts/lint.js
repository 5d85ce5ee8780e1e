// `npm run lint`: what reads the TypeScript and what reads the Rust have nothing to do with each other.
import {runChains} from './steps.js'

const lint = (language) => ({
  title: `Lint ${language}`,
  command: 'npm',
  args: ['run', '--silent', `lint:${language}`],
  advice: 'npm run format mends what a tool can mend',
})
await runChains([[lint('rust')], [lint('ts')]])
