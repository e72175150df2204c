"""tls/proftpd.conf.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 3172176042
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
        l_0_comment = resolve('comment')
        l_0_params = resolve('params')
        l_0_kind = resolve('kind')
        l_0_protocols = resolve('protocols')
        l_0_job = resolve('job')
        l_0_prefers = resolve('prefers')
        try:
            t_1 = environment.filters['join']
        except KeyError:
            @internalcode
            def t_1(*unused):
                raise TemplateRuntimeError("No filter named 'join' found.")
        pass
        template = environment.get_template('tls/_header.j2', 'tls/proftpd.conf.j2')
        gen = template.root_render_func(template.new_context(context.get_all(), True, {}))
        try:
            for event in gen:
                yield event
        finally: gen.close()
        yield str((undefined(name='comment') if l_0_comment is missing else l_0_comment))
        yield ' Of several equal lines ProFTPD takes the first: this belongs before every other setting of these names,\n'
        yield str((undefined(name='comment') if l_0_comment is missing else l_0_comment))
        yield ' and no TLSCipherSuite after it.\n'
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'):
            pass
            yield 'TLSEngine on\nTLS'
            yield str((undefined(name='kind') if l_0_kind is missing else l_0_kind))
            yield 'CertificateFile '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'certificate'))
            yield '\nTLS'
            yield str((undefined(name='kind') if l_0_kind is missing else l_0_kind))
            yield 'CertificateKeyFile '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'key'))
            yield '\n'
        yield 'TLSProtocol '
        yield str(t_1(context.eval_ctx, (undefined(name='protocols') if l_0_protocols is missing else l_0_protocols), ' '))
        yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphers'):
            pass
            yield 'TLSCipherSuite '
            yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'cipher_string'))
            yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphersuites'):
            pass
            yield 'TLSCipherSuite TLSv1.3 '
            yield str(t_1(context.eval_ctx, environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphersuites'), ':'))
            yield '\n'
        if (undefined(name='prefers') if l_0_prefers is missing else l_0_prefers):
            pass
            yield 'TLSServerCipherPreference '
            yield str(('on' if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'server_preference') else 'off'))
            yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'groups'):
            pass
            yield 'TLSECDHCurve '
            yield str(t_1(context.eval_ctx, environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'groups'), ':'))
            yield '\n'
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'dhparam'):
            pass
            yield 'TLSDHParamFile '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'dhparam'))
            yield '\n'

    return root
