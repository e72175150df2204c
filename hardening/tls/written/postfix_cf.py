"""tls/postfix.cf.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 133184891
INCLUDES = ('tls/_header.j2',)


def made(environment, runtime):
    TemplateRuntimeError = runtime['TemplateRuntimeError']
    Undefined = runtime['Undefined']
    internalcode = runtime['internalcode']
    missing = runtime['missing']

    def root(context, missing=missing, environment=environment):
        resolve = context.resolve_or_missing
        undefined = environment.undefined
        concat = environment.concat
        cond_expr_undefined = Undefined
        if 0: yield None
        l_0_params = resolve('params')
        l_0_chain = resolve('chain')
        l_0_protocols = resolve('protocols')
        l_0_job = resolve('job')
        l_0_preempt = resolve('preempt')
        l_0_curves = resolve('curves')
        l_0_elliptic_groups = resolve('elliptic_groups')
        l_0_ffdhe = resolve('ffdhe')
        l_0_ffdhe_groups = resolve('ffdhe_groups')
        try:
            t_1 = environment.filters['join']
        except KeyError:
            @internalcode
            def t_1(*unused):
                raise TemplateRuntimeError("No filter named 'join' found.")
        pass
        template = environment.get_template('tls/_header.j2', 'tls/postfix.cf.j2')
        gen = template.root_render_func(template.new_context(context.get_all(), True, {}))
        try:
            for event in gen:
                yield event
        finally: gen.close()
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'):
            pass
            yield 'smtpd_tls_security_level = may\n'
            if (undefined(name='chain') if l_0_chain is missing else l_0_chain):
                pass
                yield 'smtpd_tls_chain_files = '
                yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'key'))
                yield ', '
                yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'certificate'))
                yield '\n'
            else:
                pass
                yield 'smtpd_tls_cert_file = '
                yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'certificate'))
                yield '\nsmtpd_tls_key_file = '
                yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'key'))
                yield '\n'
        yield 'smtpd_tls_protocols = '
        yield str((undefined(name='protocols') if l_0_protocols is missing else l_0_protocols))
        yield '\nsmtpd_tls_mandatory_protocols = '
        yield str((undefined(name='protocols') if l_0_protocols is missing else l_0_protocols))
        yield '\nsmtpd_tls_ciphers = high\nsmtpd_tls_mandatory_ciphers = high\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphers'):
            pass
            yield 'tls_high_cipherlist = '
            yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'cipher_string'))
            yield '\n'
        if (undefined(name='preempt') if l_0_preempt is missing else l_0_preempt):
            pass
            yield 'tls_preempt_cipherlist = '
            yield str(('yes' if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'server_preference') else 'no'))
            yield '\n'
        if ((undefined(name='curves') if l_0_curves is missing else l_0_curves) and environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'groups')):
            pass
            yield 'tls_eecdh_auto_curves = '
            yield str(t_1(context.eval_ctx, (undefined(name='elliptic_groups') if l_0_elliptic_groups is missing else l_0_elliptic_groups), ' '))
            yield '\n'
        if (undefined(name='ffdhe') if l_0_ffdhe is missing else l_0_ffdhe):
            pass
            yield 'tls_ffdhe_auto_groups = '
            yield str(t_1(context.eval_ctx, (undefined(name='ffdhe_groups') if l_0_ffdhe_groups is missing else l_0_ffdhe_groups), ' '))
            yield '\n'
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'dhparam'):
            pass
            yield 'smtpd_tls_dh1024_param_file = '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'dhparam'))
            yield '\n'

    return root
