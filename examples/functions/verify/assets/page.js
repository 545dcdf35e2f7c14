const find = (id) => document.getElementById(id)
const [start, check, status] = ['start', 'check', 'status'].map(find)

start.addEventListener('submit', async (event) => {
  const answer = await send(event, 'start')
  if (!answer) return
  find('number').textContent = numberOf(start)
  check.reset()
  show(check, start)
  say('')
})

check.addEventListener('submit', async (event) => {
  const answer = await send(event, 'check')
  if (!answer) return
  if (answer.status !== 'approved') return complain('This is not the code that we sent.', find('code'))
  check.hidden = true
  say('Thank you: this number is yours.')
})

find('again').addEventListener('click', () => {
  show(start, check)
  say('')
})

/** What the function at `path` answers; undefined where it refuses, which is then said. */
async function send(event, path) {
  event.preventDefault()
  const form = event.target
  const buttons = form.querySelectorAll('button')
  for (const button of buttons) button.disabled = true
  say('One moment…')
  try {
    const body = new URLSearchParams(new FormData(form))
    body.set('to', numberOf(start))
    const response = await fetch(path, { method: 'POST', body })
    if (response.ok) return await response.json()
    complain((await response.json()).error ?? 'Something went wrong. Please try again.', form.elements[0])
  } catch {
    complain('This did not get through. Please try again.', form.elements[0])
  } finally {
    for (const button of buttons) button.disabled = false
  }
}

/** People put blanks, dashes and brackets into numbers. */
const numberOf = (form) => form.elements.to.value.replace(/[^\d+]/g, '')

function show(next, before) {
  before.hidden = true
  next.hidden = false
  next.elements[0].focus()
}

function say(text) {
  status.classList.remove('bad')
  status.textContent = text
}

function complain(text, field) {
  say(text)
  status.classList.add('bad')
  field.select()
}
