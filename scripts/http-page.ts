import { ERRORS, type ErrorCode, LIMITS, SOCKET_PATH } from '@holdfast/protocol'
import { ANSWERS, BODIES, RoomId, UserId } from '@holdfast/protocol/schemas'
import type { Parameters } from '../packages/server/src/api/query.ts'
import type { Access, Description, Errors } from '../packages/server/src/api/route.ts'
import { COMMON_ERRORS, describedRoutes, TOKEN_ERRORS } from '../packages/server/src/api/routes.ts'
import { COMMAND_ERRORS } from '../packages/server/src/api/sending.ts'
import { readConfig } from '../packages/server/src/config/read.ts'
import { HTTP_EXAMPLES, type HttpExample } from './http-examples.ts'
import { fields, row, type Schema } from './schema-tables.ts'

type Route = Description & Access

/** The reference of the HTTP interface, made of what the routes say of themselves. */
export function httpPage(): string {
  const routes = describedRoutes(readConfig({ environment: {} }).api)
  const documented = routes.filter((route) => examplesOf(route).length > 0)
  const pageFiles = routes.filter((route) => !documented.includes(route))
  return `# The HTTP interface

For backends, scripts and operators; people's clients rather use [the socket](protocol.md), at \`${SOCKET_PATH}\` of the same address. The two share users,
rooms, rates and error codes, and a command sent over both is one command.

Who asks is said by a JSON Web Token: \`Authorization: Bearer TOKEN\`, with the user in \`sub\`, and \`holdfast:admin\` in \`scope\` for an
administrator. Bodies are JSON in UTF-8 with \`content-type: application/json\`, of at most ${LIMITS.frameBytesMax} bytes. Ids in a path are percent-encoded, and taken
exactly as sent. A field or a parameter that is not known is refused; answers may gain fields. Times are milliseconds since 1970. \`GET\` also answers
\`HEAD\`. Where tokens are signed elsewhere (\`HOLDFAST_JWT_SECRETS\`, \`HOLDFAST_JWT_PUBLIC_KEYS\`, \`HOLDFAST_JWKS_URL\`), pages of every origin may use what needs one, and the
socket; where sign-in by name is offered, only the server's own page.

The examples are one conversation, with

\`\`\`sh
URL=http://127.0.0.1:8080
TOKEN=$(npx holdfast token --user anna)
ADMIN=$(npx holdfast token --user operator --admin)
\`\`\`

| | |
|---|---|
${documented.map((route) => row(`[${title(route)}](#${anchor(route)})`, firstSentence(route.summary))).join('\n')}

${pageFiles.map((route) => title(route)).join(', ')} are the chat page and its files.

## Commands

Creating a room, changing its members and sending a message are **commands**: (room, you, client id) is the identity of one for life, and sending it again
with the same client id gives the answer of the first time, never a second entry. \`wait=accepted\` answers \`202\` when the command is durable in the log;
\`wait=stored\` waits for what comes of it, and answers \`202\` too where that takes too long (\`api.outcomeWaitMsMax\`). After a lost connection, a \`5xx\`
or a \`429\`, send the same again. Requests that are sent on one connection without waiting keep their order.

Any command can end with these:

${errorTable(COMMAND_ERRORS)}

## Errors

Where a request fails, the answer has this body, with a code from the table in [the protocol](protocol.md#error-codes):

${fields(ANSWERS.error as Schema)}

Any request can be refused with these; each route lists its others.

${errorTable(COMMON_ERRORS)}

A request that needs a token also with these:

${errorTable(TOKEN_ERRORS)}

${documented.map(section).join('\n\n')}
`
}

function section(route: Route): string {
  const { summary, query, body, answers, errors } = route
  const parts = [
    `## ${title(route)}`,
    `${summary} ${audience(route)}`,
    parameterTable(route.path, query),
    body && bodyTable(BODIES[body] as Schema),
    ...Object.entries(answers).map(([status, answer]) => answered(status, answer)),
    errors && errorsOf(errors),
    ...examplesOf(route).map(shown),
  ]
  return parts.filter((part) => part !== undefined).join('\n\n')
}

function title({ method, path }: Route): string {
  return `\`${method} ${braced(path)}\``
}

/** The anchor GitHub gives the heading. */
function anchor({ method, path }: Route): string {
  return `${method} ${path}`
    .toLowerCase()
    .replace(/[^a-z0-9 _-]/g, '')
    .replaceAll(' ', '-')
}

/** `:room` as `{room}`. */
function braced(path: string): string {
  return path.replace(/:(\w+)/g, '{$1}')
}

function firstSentence(text: string): string {
  return /^.*?[.:](?= |$)/.exec(text)?.[0].replace(/:$/, '.') ?? text
}

function audience(route: Route): string {
  if (route.access === 'open') return 'Needs no token.'
  if (route.access === 'administrator') return 'For administrators.'
  return `Costs one ${route.charge} of your rate.`
}

const PATH_PARAMETERS: Readonly<Record<string, string>> = {
  room: (RoomId as Schema).description ?? '',
  user: (UserId as Schema).description ?? '',
  id: 'A dead letter.',
}

function parameterTable(path: string, query: Parameters = {}): string | undefined {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name = '']) =>
    row(`\`${name}\``, 'path', 'text', PATH_PARAMETERS[name] ?? ''),
  )
  const inQuery = Object.entries(query).map(([name, { type, about }]) => row(`\`${name}\``, 'query', type, about))
  const rows = [...inPath, ...inQuery]
  return rows.length === 0 ? undefined : ['| parameter | in | value | |', '|---|---|---|---|', ...rows].join('\n')
}

function bodyTable(schema: Schema): string {
  const isOptional = (schema.required ?? []).length === 0
  return `Body${isOptional ? ', which may be left out' : ''}:\n\n${fields(schema)}`
}

function answered(status: string, answer: Route['answers'][number]): string {
  if (typeof answer === 'string') return `**${status}**: ${answer}`
  return answer
    .map((name) => {
      const schema = ANSWERS[name] as Schema
      const { description } = schema
      return `**${status}**${description === undefined ? '' : `: ${description}`}\n\n${fields(schema)}`
    })
    .join('\n\n')
}

/** A route's own errors; those of every command stand in one place. */
function errorsOf(errors: Errors): string {
  const isCommand = Object.keys(COMMAND_ERRORS).every((code) => code in errors)
  const own = Object.entries(errors).filter(([code]) => !isCommand || !(code in COMMAND_ERRORS))
  const besides = isCommand ? ', besides [those of any command](#commands)' : ''
  return `Errors${besides}:\n\n${errorTable(Object.fromEntries(own))}`
}

function errorTable(errors: Errors): string {
  const rows = Object.entries(errors).map(([code, when]) => {
    const { status, message } = ERRORS[code as ErrorCode]
    return row(code, String(status), when === '' ? message : when)
  })
  return ['| code | HTTP | |', '|---|---|---|', ...rows].join('\n')
}

// ---- examples --------------------------------------------------------------------------------------------------------

function examplesOf({ method, path }: Route): readonly HttpExample[] {
  return HTTP_EXAMPLES.filter(({ route }) => route === `${method} ${path}`)
}

function shown({ route, path, by, body, status, answer }: HttpExample): string {
  const [method = ''] = route.split(' ')
  const parts = [
    `curl${method === 'GET' ? '' : ` -X ${method}`} "$URL${path}"`,
    by && `-H "Authorization: Bearer $${by === 'operator' ? 'ADMIN' : 'TOKEN'}"`,
    body && `-H 'content-type: application/json'`,
    body && `-d '${JSON.stringify(body)}'`,
  ]
  const command = parts.filter((part) => part !== undefined).join(' \\\n  ')
  const text = typeof answer === 'string' ? `${answer}\n…` : JSON.stringify(answer, undefined, 2)
  return `\`\`\`sh\n${command}\n\`\`\`\n\nanswers ${status}:\n\n\`\`\`${typeof answer === 'string' ? 'text' : 'json'}\n${text}\n\`\`\``
}
