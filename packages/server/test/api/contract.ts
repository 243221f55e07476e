import { ANSWERS } from '@holdfast/protocol/schemas'
import type { TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import type { Access, Description } from '../../src/api/route.ts'
import { COMMON_ERRORS, describedRoutes, TOKEN_ERRORS } from '../../src/api/routes.ts'
import { readConfig } from '../../src/config/read.ts'

export const ROUTES: readonly (Description & Access)[] = describedRoutes(readConfig({ environment: {} }).api)

/**
 * What is wrong with an answer, by what its route says of itself: a status, a body or an error that it does not name.
 * undefined where nothing is, and for requests that meet no route.
 */
export function deviation(method: string, target: string, status: number, body: unknown): string | undefined {
  const path = target.split('?')[0] ?? ''
  const route = ROUTES.find((route) => route.method === method && patternOf(route.path).test(path))
  if (route === undefined) return undefined
  const where = `${method} ${route.path} answers ${status}`
  const answer = route.answers[status]
  if (typeof answer === 'string') return undefined
  if (answer !== undefined)
    return answer.some((name) => fits(ANSWERS[name], body))
      ? undefined
      : `${where} with another body: ${difference(ANSWERS[answer[0] ?? 'error'], body)}`
  if (!fits(ANSWERS.error, body)) return `${where}, which it does not name, with ${JSON.stringify(body)}`
  const { code } = body as { readonly code: string }
  const tokens = route.access === 'open' ? {} : TOKEN_ERRORS
  return code in { ...COMMON_ERRORS, ...tokens, ...route.errors }
    ? undefined
    : `${where} with ${code}, which it does not name`
}

export function fits(schema: TSchema, value: unknown): boolean {
  return validator(schema).Check(value)
}

/** The first difference, in words. */
export function difference(schema: TSchema, value: unknown): string {
  const [error] = validator(schema).Errors(value)
  return `${error?.instancePath ?? ''} ${error?.message ?? ''} in ${JSON.stringify(value)}`
}

const compiled = new Map<TSchema, Validator>()

function validator(schema: TSchema): Validator {
  const known = compiled.get(schema) ?? (Compile(schema) as Validator)
  compiled.set(schema, known)
  return known
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`)
}
