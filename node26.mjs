// Runs the Node that the lockfile pins: `node node26.mjs FILE …`. Every npm script goes through it.
import { launch } from './packages/server/bin/launch.mjs'

launch(process.argv.slice(2))
