// openid-client goes through the flow against a live site: every client, every scenario, at once.
//
// In, on stdin: {"simulator": URL, "clients": [{"client_id", "issuer", "method", "secret", "key",
// "alg", "id_token_alg", "signed"}]}. Out: a line of JSON for each scenario of each client,
// {"client_id", "scenario", "outcome"}, or "error" in place of "outcome" where it failed.

import { text } from 'node:stream/consumers'

import { importJWK, SignJWT } from 'jose'
import * as openid from 'openid-client'

const CIBA = 'urn:openid:params:grant-type:ciba'
const SCOPE = 'openid profile email'

const { simulator, clients } = JSON.parse(await text(process.stdin))

/** One client of the site, played by the library. */
class Party {
  /** The error codes that the site has answered with, in order. */
  heard = []

  /** Called with each of them, before the library learns of it. */
  hearing = async () => {}

  static async of(registered) {
    const party = new Party()
    party.registered = registered
    party.key = await importJWK(registered.key, registered.alg)
    party.config = await openid.discovery(
      new URL(registered.issuer),
      registered.client_id,
      { id_token_signed_response_alg: registered.id_token_alg, require_auth_time: true },
      party.credentials(),
      // Tokens that come straight from the provider are taken without a look at their signature,
      // unless one asks for non-repudiation.
      { execute: [openid.allowInsecureRequests, openid.enableNonRepudiationChecks] },
    )
    party.config[openid.customFetch] = (...request) => party.fetch(...request)
    return party
  }

  credentials() {
    const { method, secret, key } = this.registered
    switch (method) {
      case 'private_key_jwt':
        return openid.PrivateKeyJwt({ key: this.key, kid: key.kid })
      case 'client_secret_basic':
        return openid.ClientSecretBasic(secret)
      case 'client_secret_post':
        return openid.ClientSecretPost(secret)
      default:
        throw new Error(`no such method: ${method}`)
    }
  }

  async fetch(...request) {
    const response = await fetch(...request)
    if (!response.ok) {
      const { error } = await response.clone().json()
      this.heard.push(error)
      await this.hearing(error)
    }
    return response
  }

  /** bc-authorize; signed by jose, as openid-client signs requests of other flows only. */
  async ask(loginHint, parameters = {}) {
    const asked = { scope: SCOPE, login_hint: loginHint, acr_values: 'push', ...parameters }
    const request = this.registered.signed ? { request: await this.sign(asked) } : asked
    return openid.initiateBackchannelAuthentication(this.config, request)
  }

  sign(claims) {
    const { alg, client_id: clientId, issuer, key } = this.registered
    return new SignJWT(claims)
      .setProtectedHeader({ alg, kid: key.kid, typ: 'oauth-authz-req+jwt' })
      .setIssuer(clientId)
      .setAudience(issuer)
      .setIssuedAt()
      .setNotBefore('0 seconds')
      .setExpirationTime('1 minute')
      .setJti(crypto.randomUUID())
      .sign(this.key)
  }

  /** Poll as the library does, until there are tokens or an error. */
  poll(waiting, options) {
    return openid.pollBackchannelAuthenticationGrant(this.config, waiting, undefined, options)
  }

  /** One token request, now. */
  pollOnce({ auth_req_id: id }) {
    return openid.genericGrantRequest(this.config, CIBA, { auth_req_id: id })
  }

  /** Tokens, and the authentication request that they are for. */
  async tokens(loginHint) {
    const waiting = await this.ask(loginHint)
    await answer(waiting, 'allow')
    return this.poll(waiting)
  }
}

/** Answer as the user. */
async function answer({ auth_req_id: id }, action) {
  const query = new URLSearchParams({ auth_req_id: id, action })
  const response = await fetch(`${simulator}?${query}`, { method: 'POST' })
  if (!response.ok) {
    throw new Error(`${action}: ${response.status} ${await response.text()}`)
  }
}

/** What the site has refused, in the library's words. */
async function refusal(promise) {
  try {
    await promise
  } catch (error) {
    if (error instanceof openid.ResponseBodyError) {
      return { error: error.error, description: error.error_description, status: error.status }
    }
    throw error
  }
  throw new Error('was not refused')
}

const SCENARIOS = {
  async happy(party) {
    const waiting = await party.ask('alice', { binding_message: 'Pay £50 to Example (EB-1)' })
    party.hearing = () => answer(waiting, 'allow')
    const tokens = await party.poll(waiting)
    const { expires_in: expiresIn, interval } = waiting
    return { expiresIn, interval, heard: party.heard, tokens, claims: tokens.claims() }
  },

  async denial(party) {
    const waiting = await party.ask('bob')
    await answer(waiting, 'deny')
    return refusal(party.poll(waiting))
  },

  async expiry(party) {
    const waiting = await party.ask('alice', { requested_expiry: 2 })
    // By itself the library gives up when expires_in is over, and does not ask any more.
    return refusal(party.poll(waiting, { signal: AbortSignal.timeout(30_000) }))
  },

  async slow_down(party) {
    const waiting = await party.ask('carol')
    const first = await refusal(party.pollOnce(waiting))
    let second
    do second = await refusal(party.pollOnce(waiting))
    while (second.error === first.error) // a busy machine took longer than the interval
    // The interval has grown meanwhile, which the library learns from the next slow_down.
    party.hearing = () => answer(waiting, 'allow')
    const begun = Date.now()
    const tokens = await party.poll(waiting)
    const seconds = (Date.now() - begun) / 1000
    return { first, second, heard: party.heard, seconds, claims: tokens.claims() }
  },

  async refresh(party) {
    const first = await party.tokens('dave')
    const second = await openid.refreshTokenGrant(party.config, first.refresh_token)
    const reused = await refusal(openid.refreshTokenGrant(party.config, first.refresh_token))
    return { first, second, claims: [first.claims(), second.claims()], reused }
  },

  async userinfo(party) {
    const tokens = await party.tokens('erin')
    const { sub } = tokens.claims()
    return { sub, claims: await openid.fetchUserInfo(party.config, tokens.access_token, sub) }
  },

  async dpop(party) {
    const DPoP = openid.getDPoPHandle(party.config, await openid.randomDPoPKeyPair())
    const waiting = await party.ask('frank')
    await answer(waiting, 'allow')
    const tokens = await party.poll(waiting, { DPoP })
    const { sub } = tokens.claims()
    const { name } = await openid.fetchUserInfo(party.config, tokens.access_token, sub, { DPoP })
    const again = await openid.refreshTokenGrant(party.config, tokens.refresh_token, {}, { DPoP })
    return { types: [tokens.token_type, again.token_type], name, heard: party.heard }
  },
}

async function walk(registered, scenario) {
  const told = { client_id: registered.client_id, scenario }
  try {
    // A party for each scenario: what it hears is this scenario's.
    told.outcome = await SCENARIOS[scenario](await Party.of(registered))
  } catch (error) {
    told.error = `${error.stack}\ncause: ${error.cause?.stack ?? JSON.stringify(error.cause)}`
  }
  console.log(JSON.stringify(told))
}

await Promise.all(
  clients.flatMap((registered) =>
    Object.keys(SCENARIOS).map((scenario) => walk(registered, scenario)),
  ),
)
