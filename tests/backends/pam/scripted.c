/* A PAM module that does what the user name says. The right password is "right". services.py compiles it. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <security/pam_appl.h>
#include <security/pam_modules.h>

#define LEAK (200 << 20) /* bytes */

/* Send messages together. Return the last response, or NULL. */
static char *talk(pam_handle_t *pam, int count, const int *styles)
{
    struct pam_message messages[4];
    const struct pam_message *pointers[4];
    struct pam_response *responses = NULL;
    const struct pam_conv *conversation = NULL;
    char *response = NULL;

    for (int i = 0; i < count; i++) {
        messages[i].msg_style = styles[i];
        messages[i].msg = "text of the module: \xff\xc3\xa9";
        pointers[i] = &messages[i];
    }
    if (pam_get_item(pam, PAM_CONV, (const void **)&conversation) != PAM_SUCCESS ||
        conversation->conv(count, pointers, &responses, conversation->appdata_ptr) != PAM_SUCCESS || !responses)
        return NULL;
    for (int i = 0; i < count; i++) {
        if (i == count - 1)
            response = responses[i].resp;
        else
            free(responses[i].resp);
    }
    free(responses);
    return response;
}

static int compare(char *response)
{
    int same = response && strcmp(response, "right") == 0;
    int code = same ? PAM_SUCCESS : response ? PAM_AUTH_ERR : PAM_CONV_ERR;

    free(response);
    return code;
}

static int is(const char *user, const char *name)
{
    return strcmp(user, name) == 0;
}

static int number_after(const char *user, const char *prefix)
{
    return strncmp(user, prefix, strlen(prefix)) == 0 ? atoi(user + strlen(prefix)) : PAM_SUCCESS;
}

int pam_sm_authenticate(pam_handle_t *pam, int flags, int argc, const char **argv)
{
    const int hidden[] = {PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_OFF};
    const int shown[] = {PAM_PROMPT_ECHO_ON};
    const int informs[] = {PAM_TEXT_INFO, PAM_ERROR_MSG, PAM_PROMPT_ECHO_OFF};
    const char *user = NULL;
    const void *terminal = NULL;

    (void)argc, (void)argv;
    if (pam_get_user(pam, &user, NULL) != PAM_SUCCESS)
        return PAM_SYSTEM_ERR;
    if (is(user, "crashes"))
        *(volatile int *)8 = 1;
    if (is(user, "leaks") && !memset(malloc(LEAK), 1, LEAK))
        return PAM_BUF_ERR;
    if (is(user, "sleeps"))
        for (;;)
            pause();
    if (is(user, "informs")) {
        free(talk(pam, 2, informs));
        return compare(talk(pam, 1, hidden));
    }
    if (is(user, "prompts-twice")) {
        int code = compare(talk(pam, 1, hidden));

        return code == PAM_SUCCESS ? compare(talk(pam, 1, hidden)) : code;
    }
    if (is(user, "prompts-together"))
        return compare(talk(pam, 2, hidden));
    if (is(user, "informs-together"))
        return compare(talk(pam, 3, informs));
    if (is(user, "shows"))
        return compare(talk(pam, 1, shown));
    if (is(user, "flags") && !(flags & PAM_DISALLOW_NULL_AUTHTOK))
        return PAM_SYSTEM_ERR;
    if (is(user, "terminal") && pam_get_item(pam, PAM_TTY, &terminal) == PAM_SUCCESS && terminal)
        return PAM_SYSTEM_ERR;
    pam_fail_delay(pam, 2000000);
    if (number_after(user, "auth-") != PAM_SUCCESS)
        return number_after(user, "auth-");
    return compare(talk(pam, 1, hidden));
}

int pam_sm_acct_mgmt(pam_handle_t *pam, int flags, int argc, const char **argv)
{
    const char *user = NULL;

    (void)argc, (void)argv;
    if (pam_get_user(pam, &user, NULL) != PAM_SUCCESS)
        return PAM_SYSTEM_ERR;
    if (is(user, "flags") && !(flags & PAM_DISALLOW_NULL_AUTHTOK))
        return PAM_SYSTEM_ERR;
    return number_after(user, "account-");
}

int pam_sm_setcred(pam_handle_t *pam, int flags, int argc, const char **argv)
{
    (void)pam, (void)flags, (void)argc, (void)argv;
    return PAM_CRED_ERR; /* the helper must not set credentials */
}
