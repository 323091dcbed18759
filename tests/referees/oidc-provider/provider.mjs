// An OpenID Provider for tests: the certified `oidc-provider` on loopback, with one client and a browser without a screen.
//
// Node 20 or newer.
// Started with `node provider.mjs [--alg RS256|PS256|ES256|EdDSA] [--client-id ID]`. It speaks lines of JSON:
//
//   out  {"issuer": "http://127.0.0.1:PORT", "jwks_uri": "http://127.0.0.1:PORT/jwks", "client_id": "rollkeeper"}
//   in   {"sub": "…", "claims": {"email": "…", "groups": ["…"]}, "nonce": "…"}       one line for each sign-in; nonce may be absent
//   out  {"issuer", "jwks_uri", "client_id", "sub", "nonce", "id_token"}             or {"error": "…"}
//
// Each sign-in is a whole authorization code flow with PKCE over HTTP: authorization request, login interaction, consent,
// code, token request. The provider keeps serving its discovery document and its JWKS until standard input closes.

import { createServer } from 'node:http'
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

console.log = console.info = console.warn = console.error // standard output is for the protocol
const { Provider } = await import('oidc-provider')

const { values: options } = parseArgs({
  options: { alg: { type: 'string', default: 'RS256' }, 'client-id': { type: 'string', default: 'rollkeeper' } },
})
const client = { id: options['client-id'], secret: randomBytes(24).toString('base64url') }
const redirectUri = 'http://127.0.0.1/signed-in'
// What real IdPs put into an ID token beside the standard claims.
const claimNames = [
  'sub', 'name', 'given_name', 'family_name', 'preferred_username', 'email', 'email_verified', 'locale', 'zoneinfo',
  'groups', 'roles', 'oid', 'tid', 'upn', 'hd', 'department', 'title', '_claim_names', '_claim_sources',
]

function signingKey(alg) {
  const make = {
    RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
    PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    EdDSA: () => generateKeyPairSync('ed25519'),
  }[alg]
  if (!make) throw new Error(`--alg ${alg}: allowed are RS256, PS256, ES256, EdDSA`)
  const kid = randomBytes(8).toString('hex')
  return { ...make().privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid }
}

const people = new Map() // sub -> claims of the newest sign-in

const server = createServer()
await new Promise((ready) => server.listen(0, '127.0.0.1', ready))
const issuer = `http://127.0.0.1:${server.address().port}`

const provider = new Provider(issuer, {
  clients: [{
    client_id: client.id,
    client_secret: client.secret,
    redirect_uris: [redirectUri],
    response_types: ['code'],
    grant_types: ['authorization_code'],
    id_token_signed_response_alg: options.alg,
  }],
  jwks: { keys: [signingKey(options.alg)] },
  cookies: { keys: [randomBytes(24).toString('hex')] },
  claims: { openid: claimNames },
  conformIdTokenClaims: false, // as Okta and Entra do: the claims are in the ID token itself
  ttl: { Interaction: 600, Session: 600, Grant: 600, AccessToken: 600, IdToken: 600 },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_context, sub) => people.has(sub) && { accountId: sub, claims: () => ({ ...people.get(sub), sub }) },
})
provider.on('server_error', (_context, error) => console.error(error))

// The login form and the consent form, answered at once: the browser below names the person in a header.
async function interact(request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response)
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: decodeURIComponent(request.headers['x-person']) } })
  }
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id })
  grant.addOIDCScope(params.scope)
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } })
}

const handle = provider.callback()
server.on('request', (request, response) => {
  if (!request.url.startsWith('/interaction/')) return handle(request, response)
  interact(request, response).catch((error) => {
    console.error(error)
    response.writeHead(500).end()
  })
})

// A browser without a screen: follows redirects, keeps cookies by path, stops at the client's own address.
async function browse(url, person) {
  const jar = new Map()
  for (let hop = 0; hop < 12; hop++) {
    const cookies = [...jar.values()].filter((cookie) => new URL(url).pathname.startsWith(cookie.path))
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: cookies.map((cookie) => cookie.pair).join('; '), 'x-person': encodeURIComponent(person) },
    })
    for (const line of answer.headers.getSetCookie()) {
      const pair = line.split(';', 1)[0]
      const path = /;\s*path=([^;]+)/i.exec(line)?.[1] ?? '/'
      const key = `${pair.split('=', 1)[0]} ${path}`
      if (/expires=Thu, 01 Jan 1970/i.test(line)) jar.delete(key)
      else jar.set(key, { pair, path })
    }
    const next = answer.headers.get('location')
    if (!next) throw new Error(`the provider answered ${answer.status}: ${(await answer.text()).slice(0, 400)}`)
    url = new URL(next, url).href
    if (url.startsWith(redirectUri)) return new URL(url).searchParams
  }
  throw new Error('the provider redirects for ever')
}

async function signIn({ sub, claims = {}, nonce = randomBytes(16).toString('base64url') }) {
  if (typeof sub !== 'string' || sub === '') throw new Error('a sign-in names a "sub"')
  const unknown = Object.keys(claims).filter((name) => !claimNames.includes(name))
  if (unknown.length) throw new Error(`claims that this provider does not issue: ${unknown.join(', ')}`)
  people.set(sub, claims)

  const verifier = randomBytes(32).toString('base64url')
  const state = randomBytes(16).toString('base64url')
  const authorization = new URL(`${issuer}/auth`)
  authorization.search = new URLSearchParams({
    client_id: client.id,
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: 'openid',
    state,
    nonce,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  })
  const back = await browse(authorization.href, sub)
  if (back.get('state') !== state) throw new Error('the state did not come back')
  if (back.has('error')) throw new Error(`${back.get('error')}: ${back.get('error_description')}`)

  const answer = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}` },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: back.get('code'),
      redirect_uri: redirectUri,
      code_verifier: verifier,
    }),
  })
  const tokens = await answer.json()
  if (!answer.ok) throw new Error(`${tokens.error}: ${tokens.error_description}`)
  return { ...endpoints, sub, nonce, id_token: tokens.id_token }
}

const discovery = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()
const endpoints = { issuer: discovery.issuer, jwks_uri: discovery.jwks_uri, client_id: client.id }
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
say(endpoints)
for await (const line of createInterface({ input: process.stdin })) {
  try {
    say(await signIn(JSON.parse(line)))
  } catch (error) {
    say({ error: String(error.message ?? error) })
  }
}
server.closeAllConnections()
server.close()
