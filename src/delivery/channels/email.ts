export interface EmailInput {
  friendlyName: string
  code: string
  amount?: string | undefined
  payee?: string | undefined
  trial?: boolean | undefined
}

/** An e-mail, in English only. The subject shows on locked screens, so the code is not in it. */
export function emailMessage({ friendlyName, code, amount, payee, trial }: EmailInput): {
  subject: string
  text: string
  html: string
} {
  const heading = trial ? 'Trial account: ' : ''
  const subject = `${heading}Your ${friendlyName} verification code`
  const isPayment = amount !== undefined && payee !== undefined
  const what = isPayment ? `code to pay ${amount} to ${payee}` : 'verification code'
  const lead = `${heading}Your ${friendlyName} ${what} is:`
  const warning = "Don't share this code with anyone. If you did not ask for it, you can ignore this message."

  // No colours of ours, so light and dark are the reader's choice; nothing to load, so opening it tells nobody.
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta name="format-detection" content="telephone=no">
<title>${escapeHtml(subject)}</title>
</head>
<body style="margin:0;padding:24px;font:16px/1.5 system-ui,sans-serif">
<p>${escapeHtml(lead)}</p>
<p style="font:bold 32px/1.5 ui-monospace,monospace;letter-spacing:4px">${escapeHtml(code)}</p>
<p>${escapeHtml(warning)}</p>
</body>
</html>
`
  return { subject, text: `${lead}\n\n${code}\n\n${warning}\n`, html }
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}
