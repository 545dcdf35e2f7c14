import type { Callback } from '../messages/message.ts'

/** A `<Message>` as it stands in the document: addresses may be relative. */
export interface TwimlMessage {
  text: string
  to?: string
  from?: string
  callback?: Callback
}

export interface Twiml {
  messages: TwimlMessage[]
  redirect?: Callback
  /** Verbs that a message cannot be answered with. */
  ignored: string[]
}

type Attributes = Record<string, string>

/** What a document says in answer to a message; undefined where it is no well-formed `<Response>`. */
export async function parseTwiml(document: string): Promise<Twiml | undefined> {
  const { default: sax } = await import('sax')
  const parser = sax.parser(true)
  const twiml: Twiml = { messages: [], ignored: [] }
  const open: string[] = []
  let verb: { attributes: Attributes; text: string; body: string | undefined } | undefined
  let isSound = true

  parser.onerror = () => {
    isSound = false
    // Else it would throw at the next piece of the document.
    parser.resume()
  }
  parser.onopentag = ({ name, attributes }) => {
    open.push(name)
    if (open.length === 1 && name !== 'Response') isSound = false
    if (open.length === 2) verb = { attributes: attributes as Attributes, text: '', body: undefined }
    if (open.length === 3 && name === 'Body' && verb) verb.body ??= ''
  }
  const take = (text: string) => {
    if (!verb) return
    if (open.length === 2) verb.text += text
    else if (open.length === 3 && open[2] === 'Body') verb.body = (verb.body ?? '') + text
  }
  parser.ontext = take
  parser.oncdata = take
  parser.onclosetag = (name) => {
    // What comes after a redirect is never reached.
    if (open.length === 2 && verb && !twiml.redirect)
      say(twiml, name, verb.attributes, verb.body ?? verb.text)
    open.pop()
  }
  parser.write(document).close()
  return isSound ? twiml : undefined
}

function say(twiml: Twiml, name: string, attributes: Attributes, text: string): void {
  const { to, from, statusCallback, action } = attributes
  const method = attributes.method?.toUpperCase() === 'GET' ? 'GET' : 'POST'
  const url = statusCallback ?? action
  switch (name) {
    case 'Message':
    // Its older name.
    case 'Sms':
      twiml.messages.push({
        text: text.trim(),
        ...(to && { to }),
        ...(from && { from }),
        ...(url && { callback: { url, method } }),
      })
      break
    case 'Redirect':
      twiml.redirect = { url: text.trim(), method }
      break
    default:
      twiml.ignored.push(name)
  }
}
