import { messageText, type TextInput } from './message-text.ts'

/** The text where a provider sends ours. One that sends an authentication template takes only the code from us. */
export function whatsappText(input: TextInput): string {
  return messageText(input)
}
